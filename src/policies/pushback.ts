import type { Metadata } from 'nice-grpc-common';

/** The trailer by which a server says when to try again (A6). */
export const PUSHBACK_KEY = 'grpc-retry-pushback-ms';

/**
 * What the server says of a further attempt: exactly how long to wait, in ms; `'stop'` for none at
 * all, which is what a negative or unreadable value means (A6); undefined where it says nothing.
 */
export function pushbackOf(trailers: Metadata | undefined): number | 'stop' | undefined {
  const values = trailers?.getAll(PUSHBACK_KEY) ?? [];
  if (values.length === 0) return undefined;
  const [text] = values;
  if (values.length > 1 || typeof text !== 'string' || !/^\d{1,10}$/.test(text)) return 'stop';
  return Number(text);
}
