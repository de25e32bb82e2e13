import type { Peer } from './peer.ts';

export type RowName =
  | 'grpc-js'
  | 'nice-grpc'
  | 'connect-node'
  | 'inboard-bare'
  | 'inboard-no-telemetry'
  | 'inboard';

/** Rows in the order of a round. Each loads its library only in the process that measures it. */
const loaders: Record<RowName, () => Promise<Peer>> = {
  'grpc-js': async () => (await import('./grpc-js.ts')).grpcJs,
  'nice-grpc': async () => (await import('./nice-grpc.ts')).niceGrpc,
  'connect-node': async () => (await import('./connect-node.ts')).connectNode,
  'inboard-bare': async () => (await import('./inboard.ts')).inboardBare,
  'inboard-no-telemetry': async () => (await import('./inboard.ts')).inboardNoTelemetry,
  inboard: async () => (await import('./inboard.ts')).inboard,
};

/** What every other row is compared with. */
export const BASE_ROW: RowName = 'grpc-js';

export const rowNames: readonly RowName[] = Object.keys(loaders).filter(isRowName);

/** Those that are measured where nobody says which. */
export const usualRows: readonly RowName[] = rowNames.filter(
  (row) => row !== 'inboard-no-telemetry',
);

const FLOW_CONTROL =
  'completes every message (fromPartial) before encoding it; flow-control windows of 1 MiB, ' +
  'where the default of 64 KiB of the others bounds their streaming';

/** What a reader must know about a row to read its figures. */
export const rowNotes: Record<RowName, string> = {
  'grpc-js': 'default options; whole messages straight into the codec, streams read by events',
  'nice-grpc': 'completes every message (fromPartial) before encoding it, and copies the bytes',
  'connect-node':
    'gRPC over HTTP/2 with compression off; the envelope of each message is coded by ' +
    'protobuf-es, the sample inside by the same ts-proto codec as everywhere',
  'inboard-bare': `no interceptor at all; ${FLOW_CONTROL}`,
  'inboard-no-telemetry': `the default stacks without metrics and tracing; ${FLOW_CONTROL}`,
  inboard: `the default stacks; ${FLOW_CONTROL}`,
};

export function isRowName(name: string): name is RowName {
  return Object.hasOwn(loaders, name);
}

export function loadPeer(row: RowName): Promise<Peer> {
  return loaders[row]();
}
