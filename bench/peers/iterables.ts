/** Reads a stream of responses to its end. */
export async function readAll<Response>(
  responses: AsyncIterable<Response>,
  onMessage: (message: Response) => void,
): Promise<void> {
  for await (const response of responses) onMessage(response);
}

/** Plays a bidirectional stream turn by turn, for libraries whose streams are async iterables. */
export async function takeTurns<Request, Response>(
  call: (requests: AsyncIterable<Request>) => AsyncIterable<Response>,
  first: Request,
  onMessage: (message: Response) => Request | undefined,
): Promise<void> {
  const turns = new Turns<Request>(first);
  for await (const response of call(turns)) turns.push(onMessage(response));
}

/** An iterable of one message at a time; undefined ends it. Cheaper than an async generator. */
class Turns<T> implements AsyncIterableIterator<T> {
  private readonly ready: IteratorResult<T>[] = [];
  private wake: ((result: IteratorResult<T>) => void) | undefined = undefined;

  constructor(first: T) {
    this.push(first);
  }

  push(value: T | undefined): void {
    const result: IteratorResult<T> =
      value === undefined ? { done: true, value: undefined } : { done: false, value };
    if (this.wake === undefined) {
      this.ready.push(result);
      return;
    }
    this.wake(result);
    this.wake = undefined;
  }

  next(): Promise<IteratorResult<T>> {
    const result = this.ready.shift();
    if (result !== undefined) return Promise.resolve(result);
    return new Promise((resolve) => {
      this.wake = resolve;
    });
  }

  async return(): Promise<IteratorResult<T>> {
    this.push(undefined);
    return { done: true, value: undefined };
  }

  /** Connect asks for it; the reader of the responses learns of the error, so here it just ends. */
  async throw(): Promise<IteratorResult<T>> {
    return this.return();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
