import type { ClientHttp2Session } from 'node:http2';
import { once } from 'node:events';

/** "No new streams please, those under way are still served" (RFC 9113, section 6.8). */
export const NO_LAST_ID: number = 2 ** 31 - 1;

/** Every GOAWAY of a connection until it is closed: the last stream id that each names. */
export async function goawaysOf(session: ClientHttp2Session): Promise<number[]> {
  const seen: number[] = [];
  session.on('goaway', (_code, lastStreamId) => seen.push(Number(lastStreamId)));
  if (!session.destroyed) await once(session, 'close');
  return seen;
}
