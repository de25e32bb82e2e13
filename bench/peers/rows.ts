import type { Peer } from './peer.ts';

export type RowName = 'grpc-js' | 'nice-grpc' | 'connect-node' | 'inboard-bare' | 'inboard';

/** Rows in the order of a round. Each loads its library only in the process that measures it. */
const loaders: Record<RowName, () => Promise<Peer>> = {
  'grpc-js': async () => (await import('./grpc-js.ts')).grpcJs,
  'nice-grpc': async () => (await import('./nice-grpc.ts')).niceGrpc,
  'connect-node': async () => (await import('./connect-node.ts')).connectNode,
  'inboard-bare': async () => (await import('./inboard.ts')).inboardBare,
  inboard: async () => (await import('./inboard.ts')).inboard,
};

/** What every other row is compared with. */
export const BASE_ROW: RowName = 'grpc-js';

export const rowNames: readonly RowName[] = Object.keys(loaders).filter(isRowName);

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
  inboard: `the default stacks; ${FLOW_CONTROL}`,
};

export function isRowName(name: string): name is RowName {
  return Object.hasOwn(loaders, name);
}

export function loadPeer(row: RowName): Promise<Peer> {
  return loaders[row]();
}
