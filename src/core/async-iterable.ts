/** Whether a payload is a stream: what users and their layers give is anything until it is looked at. */
export function isAsyncIterable(payload: unknown): payload is AsyncIterable<unknown, undefined> {
  const iterable = payload as Partial<AsyncIterable<unknown>> | null | undefined;
  return typeof iterable?.[Symbol.asyncIterator] === 'function';
}
