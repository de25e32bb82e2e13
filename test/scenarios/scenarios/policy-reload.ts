import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { LoadClient } from '../harness/load-client.ts';
import { nowMs } from '../harness/monotonic.ts';
import type { Scenario } from '../harness/scenario.ts';
import type { ClientSpec, InboardClientSpec } from '../harness/specs.ts';
import { type Stage, targetOf } from '../harness/stage.ts';
import { STOCK_CONFIG, STOCK_WORDS } from '../harness/stock-config.ts';

const FAILED = 'idempotent calls failed';
const IN_FORCE = 'changes in force';
const REFUSED = 'invalid ones refused with file, line and key';

/** Every tenth is one that must be refused. */
const CHANGES = 100;
const INVALID_EVERY = 10;
const LIMIT_MS = 5_000;

export const policyReload: Scenario = {
  name: 'policy-reload',
  title: 'the policy file changes 100 times under load, 10 times to what is not valid',
  share: 0.12,
  seconds: 26,
  quick: true,
  off: { without: 'each change makes a new client and closes the old one', fails: [FAILED] },
  stock: `${STOCK_WORDS}; each change makes a new client and closes the old one`,

  async run(stage) {
    const replicas = await stage.servers(3, { behaviour: { delayMs: 20 } });
    const target = targetOf(replicas);
    const file = join(await stage.folder(), 'policy.json');
    await replace(file, policyText(0));
    const load = await stage.load(clientOf(stage, target, file));
    await load.start({ arrivals: [{ method: 'read', perSecond: 150 }] });
    await stage.pause(1_000);
    const changes = stage.choose(CHANGES, CHANGES / 5);
    const seen = { inForce: 0, refused: 0 };
    for (let change = 1; change <= changes; change++) {
      if (stage.variant === 'on') await changeFile(stage, load, file, change, seen);
      else await changeClient(stage, load, target, change, seen);
    }
    await stage.pause(1_000);
    const { calls } = await load.stop();
    const on = stage.variant === 'on';
    const invalid = changes / INVALID_EVERY;
    return {
      checks: [
        { name: FAILED, value: calls.failed.count, atMost: 0 },
        { name: IN_FORCE, value: seen.inForce, atLeast: changes - invalid },
        { name: REFUSED, value: on ? seen.refused : undefined, atLeast: invalid },
      ],
      notes: [`${calls.count} reads`, ...calls.failures()],
    };
  },
};

interface Seen {
  inForce: number;
  refused: number;
}

/** Changes the file, and waits until the client has taken or refused that. */
async function changeFile(
  stage: Stage,
  load: LoadClient,
  file: string,
  change: number,
  seen: Seen,
): Promise<void> {
  const wrong =
    change % INVALID_EVERY === 0 ? WRONG[(change / INVALID_EVERY) % WRONG.length] : undefined;
  const before = await load.policy();
  await replace(file, wrong === undefined ? policyText(change) : wrong.text);
  const expected = wrong === undefined ? undefined : `${file}:${wrong.line}:`;
  const endMs = nowMs() + LIMIT_MS;
  while (nowMs() < endMs) {
    const { changes, problem = '' } = await load.policy();
    if (expected === undefined && changes > before.changes) {
      seen.inForce++;
      return;
    }
    if (wrong !== undefined && problem.includes(expected ?? '') && problem.includes(wrong.key)) {
      seen.refused++;
      return;
    }
    await stage.pause(20);
  }
}

/** What a program does whose client cannot take a new policy. */
async function changeClient(
  stage: Stage,
  load: LoadClient,
  target: string,
  change: number,
  seen: Seen,
): Promise<void> {
  if (change % INVALID_EVERY !== 0) {
    await load.reopen(clientOf(stage, target, undefined, change));
    seen.inForce++;
  }
  await stage.pause(100);
}

function clientOf(
  { variant }: Stage,
  target: string,
  policyFile: string | undefined,
  change: number = 0,
): ClientSpec {
  if (variant === 'stock') return { kind: 'stock', target, serviceConfig: STOCK_CONFIG };
  const spec: InboardClientSpec = { kind: 'inboard', target };
  if (variant === 'on' && policyFile !== undefined) return { ...spec, policyFile };
  return { ...spec, defaults: { timeoutMs: 5_000 + change } };
}

/** Whole or not at all, as a configuration system puts files in place. */
async function replace(file: string, text: string): Promise<void> {
  await writeFile(`${file}.new`, text);
  await rename(`${file}.new`, file);
}

/** A policy that differs each time, in what layers and channel are bound anew for. */
function policyText(change: number): string {
  const document = {
    defaults: { timeoutMs: 5_000 + change, retry: { attempts: 2 + (change % 3) } },
    methods: {
      'inboard.testing.v1.LabService/Read': {
        breaker: change % 2 === 0 ? {} : { minCalls: 20 + change },
        ...(change % 5 === 0 && { bulkhead: { limit: 500 } }),
      },
    },
    channel: {
      balancer: change % 4 === 0 ? 'least_request' : 'peak_ewma',
      retryBudget: { perSecond: 10 + change },
    },
  };
  return JSON.stringify(document, undefined, 2);
}

/** What must be refused: the line and the key that the refusal has to name. */
const WRONG: readonly { readonly text: string; readonly line: number; readonly key: string }[] = [
  { text: '{\n  "defaults": {\n    "timoutMs": 100\n  }\n}', line: 3, key: 'timoutMs' },
  { text: '{\n  "defaults": {\n    "timeoutMs": "fast"\n  }\n}', line: 3, key: 'timeoutMs' },
  {
    text: '{\n  "defaults": {\n    "retry": {\n      "attempts": 0\n    }\n  }\n}',
    line: 4,
    key: 'attempts',
  },
  { text: '{\n  "channel": {\n\n    "balancer": "random"\n  }\n}', line: 4, key: 'balancer' },
  { text: '{\n  "chanel": {}\n}', line: 2, key: 'chanel' },
];
