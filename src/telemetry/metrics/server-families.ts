import { splitPath } from '../../core/method.ts';
import type { ServerSnapshot } from '../../server/options.ts';
import type { FamilyOptions } from './family.ts';
import type { FollowedParts } from './followed-parts.ts';
import { LabelSet, NO_LABELS } from './labels.ts';

type Bulkhead = ServerSnapshot['bulkheads'][string];

/** What the servers of the process do at the moment, together. */
export function serverFamilies(parts: FollowedParts): readonly FamilyOptions[] {
  const whole = (
    name: string,
    help: string,
    valueOf: (servers: readonly ServerSnapshot[]) => number,
  ): FamilyOptions => ({
    name: `inboard_server_${name}`,
    help,
    type: 'gauge',
    collect: (series) => {
      const servers = snapshots(parts);
      if (servers.length > 0) series.add(NO_LABELS, valueOf(servers));
    },
  });
  const bulkhead = (
    name: string,
    help: string,
    valueOf: (bulkhead: Bulkhead) => number,
  ): FamilyOptions => ({
    name: `inboard_server_bulkhead_${name}`,
    help,
    type: 'gauge',
    collect: (series) => {
      for (const [path, value] of bulkheads(parts, valueOf)) {
        const { service, method } = splitPath(`/${path}`);
        series.add(new LabelSet({ grpc_service: service, grpc_method: method }), value);
      }
    },
  });
  return [
    whole('draining', '1 once a shutdown has begun.', (servers) =>
      servers.some(({ draining }) => draining) ? 1 : 0,
    ),
    whole('connections', 'Connections that are open.', (servers) =>
      servers.reduce((total, { connections }) => total + connections, 0),
    ),
    bulkhead('in_use', 'Calls that hold a place of a bulkhead.', ({ inUse }) => inUse),
    bulkhead('queued', 'Calls that wait for a place of a bulkhead.', ({ queued }) => queued),
  ];
}

function snapshots(parts: FollowedParts): readonly ServerSnapshot[] {
  return [...parts.servers()].map((server) => server.snapshot());
}

function bulkheads(
  parts: FollowedParts,
  valueOf: (bulkhead: Bulkhead) => number,
): ReadonlyMap<string, number> {
  const values = new Map<string, number>();
  for (const server of snapshots(parts)) {
    for (const [method, bulkhead] of Object.entries(server.bulkheads)) {
      values.set(method, (values.get(method) ?? 0) + valueOf(bulkhead));
    }
  }
  return values;
}
