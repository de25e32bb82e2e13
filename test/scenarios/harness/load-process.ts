import { subscribe } from 'node:diagnostics_channel';

import type { Logger } from '../../../src/index.ts';
import { answerParent, readGauges } from './answering.ts';
import type { Caller } from './caller.ts';
import { InboardCaller } from './inboard-caller.ts';
import { Load } from './load.ts';
import { nowMs } from './monotonic.ts';
import type { LoadApi } from './protocol.ts';
import type { ClientSpec } from './specs.ts';
import { StockCaller } from './stock-caller.ts';

/* The load generator: its clients and its open loops, in a process of their own. */

/** More lines than any run needs; a run that logs more has told its story. */
const MAX_LOGGED = 1_000;

let callers: readonly Caller[] = [];
let load: Load | undefined;
let dials: number[] = [];
let logged: string[] = [];

subscribe('net.client.socket', () => dials.push(nowMs()));

const keep = (_fields: object, message: string): void => {
  if (logged.length < MAX_LOGGED) logged.push(message);
};
const logger: Logger = { error: keep, warn: keep, info: () => undefined };

const api: LoadApi = {
  async open(specs) {
    dials = [];
    logged = [];
    callers = await Promise.all(
      specs.flatMap((spec) => Array.from({ length: spec.count ?? 1 }, () => make(spec))),
    );
    return null;
  },

  async start(spec) {
    load = new Load(spec, () => callers, logger);
    return null;
  },

  async stop() {
    const report = await load?.stop();
    load = undefined;
    return report ?? { calls: [], streams: [] };
  },

  async reopen(specs) {
    const old = callers;
    callers = await Promise.all(
      specs.flatMap((spec) => Array.from({ length: spec.count ?? 1 }, () => make(spec))),
    );
    await Promise.all(old.map((caller) => caller.close()));
    return null;
  },

  snapshot: async () => callers[0]?.snapshot(),
  policy: async () => callers[0]?.policy() ?? { changes: 0 },
  dials: async () => dials,
  logged: async () => logged,
  wallClock: async () => Date.now(),

  async close() {
    await Promise.all(callers.map((caller) => caller.close()));
    callers = [];
    dials = [];
    logged = [];
    return readGauges();
  },
};

async function make(spec: ClientSpec): Promise<Caller> {
  return spec.kind === 'inboard' ? InboardCaller.open(spec, logger) : new StockCaller(spec);
}

answerParent(api);
