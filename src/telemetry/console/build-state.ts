import { basename } from 'node:path';

import { Channel } from '../../channel/channel.ts';
import { BoundMethods } from '../../client/bound-methods.ts';
import { methodSnapshots } from '../../client/client-snapshot.ts';
import type { Runtime } from '../../core/runtime.ts';
import { VERSION } from '../../core/version.ts';
import { Server } from '../../server/server.ts';
import type { Metrics } from '../metrics/metrics.ts';
import { channelRow, circuitRow, serverRow } from './channel-rows.ts';
import type { ConsoleState, PolicyRow, ProcessState } from './console-state.ts';
import { callRow, methodRows } from './method-rows.ts';
import { policyRow } from './policy-rows.ts';

/** What a state is built from. */
export interface StateSource {
  readonly runtime: Runtime;
  readonly metrics: Metrics | undefined;
  /** Undefined: the name of the program's file. */
  readonly name: string | undefined;
  readonly process: Pick<ProcessState, 'loopLagMs' | 'ready' | 'invoke'>;
}

/** What the console shows now. Its clock is the runtime's; only `at` is on the wall. */
export function buildState(source: StateSource): ConsoleState {
  const { runtime, metrics, name, process: told } = source;
  const nowMs = runtime.clock.now();
  const parts = [...runtime.parts];
  const clients = parts
    .filter((part) => part instanceof BoundMethods)
    .map((bound) => ({ target: bound.channel.target, methods: methodSnapshots(bound) }));
  const snapshots = clients.flatMap(({ methods }) => methods);
  const circuits = clients.flatMap(({ target, methods }) =>
    methods.flatMap((method) => circuitRow(target, method, nowMs) ?? []),
  );
  return {
    at: Date.now(),
    process: { ...processState(name), ...told },
    methods: metrics === undefined ? [] : methodRows(metrics, snapshots, nowMs),
    channels: parts
      .filter((part) => part instanceof Channel)
      .map((channel) => channelRow(channel.snapshot())),
    circuits,
    servers: parts
      .filter((part) => part instanceof Server)
      .map((server) => serverRow(server.snapshot())),
    slow: metrics?.recent.slow().map((call) => callRow(call, nowMs)) ?? [],
    failed: metrics?.recent.failed().map((call) => callRow(call, nowMs)) ?? [],
  };
}

/** What holds for each method of each client, and for the client's channel. */
export function buildPolicies({ parts }: Runtime): PolicyRow[] {
  return [...parts]
    .filter((part) => part instanceof BoundMethods)
    .flatMap((bound) => {
      const channel = bound.channel.snapshot();
      return methodSnapshots(bound).map((method) => policyRow(channel.target, method, channel));
    });
}

function processState(
  name: string | undefined,
): Omit<ProcessState, 'loopLagMs' | 'ready' | 'invoke'> {
  const { rss, heapUsed } = process.memoryUsage();
  return {
    name: name ?? basename(process.argv[1] ?? process.title),
    pid: process.pid,
    node: process.version,
    inboard: VERSION,
    uptimeMs: Math.round(process.uptime() * 1_000),
    heapBytes: heapUsed,
    rssBytes: rss,
  };
}
