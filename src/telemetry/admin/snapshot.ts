import { Channel } from '../../channel/channel.ts';
import type { ChannelSnapshot } from '../../channel/channel-snapshot.ts';
import { BoundMethods } from '../../client/bound-methods.ts';
import type { MethodSnapshot } from '../../client/client-snapshot.ts';
import { methodSnapshots } from '../../client/client-snapshot.ts';
import type { Runtime } from '../../core/runtime.ts';
import { VERSION } from '../../core/version.ts';
import type { ServerSnapshot } from '../../server/options.ts';
import { serversOf } from './readiness.ts';

/** `/snapshot`: all that a process knows of its channels, clients and servers. */
export interface ProcessSnapshot {
  readonly inboard: string;
  /** On the runtime's clock, in ms: what times of circuits are to be compared with. */
  readonly nowMs: number;
  readonly channels: readonly ChannelSnapshot[];
  /** Breakers and the policy that holds, with its sources, are in here by method. */
  readonly clients: readonly {
    readonly target: string;
    readonly methods: readonly MethodSnapshot[];
  }[];
  readonly servers: readonly ServerSnapshot[];
}

export function processSnapshot({ parts, clock }: Runtime): ProcessSnapshot {
  const all = [...parts];
  return {
    inboard: VERSION,
    nowMs: clock.now(),
    channels: all.filter((part) => part instanceof Channel).map((channel) => channel.snapshot()),
    clients: all
      .filter((part) => part instanceof BoundMethods)
      .map((bound) => ({ target: bound.channel.target, methods: methodSnapshots(bound) })),
    servers: serversOf(parts).map((server) => server.snapshot()),
  };
}
