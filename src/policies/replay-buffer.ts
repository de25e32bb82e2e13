/** How much all calls of a channel may keep for replaying requests, in bytes. Default 16 MiB. */
export class ReplayQuota {
  private readonly limitBytes: number;
  private usedBytes = 0;

  constructor(limitBytes: number = 16 * 1024 * 1024) {
    this.limitBytes = limitBytes;
  }

  get used(): number {
    return this.usedBytes;
  }

  /** Returns false, and takes nothing, where that would be too much. */
  take(bytes: number): boolean {
    if (this.usedBytes + bytes > this.limitBytes) return false;
    this.usedBytes += bytes;
    return true;
  }

  give(bytes: number): void {
    this.usedBytes -= bytes;
  }
}

/** How many encoded bytes of one request are kept for another attempt (A6: a bounded buffer). */
export const MAX_REPLAY_BYTES: number = 1024 * 1024;

/** What counts the bytes that an attempt has encoded so far: an attempt call. */
export interface ReplayReader {
  readonly sentBytes: number;
}

/**
 * A request stream that several attempts read, each from the start. The user's iterable is read
 * once; what it gave is kept until the call commits to one attempt, or until it is too much.
 */
export class ReplayBuffer {
  private readonly source: AsyncIterator<unknown, undefined>;
  private readonly quota: ReplayQuota;
  private kept: unknown[] = [];
  /** How many messages were given out before the first that is kept. */
  private dropped = 0;
  private takenBytes = 0;
  private reading: Promise<void> | undefined = undefined;
  private done = false;
  private failure: { readonly error: unknown } | undefined = undefined;
  private keeping = true;

  constructor(source: AsyncIterable<unknown, undefined>, quota: ReplayQuota) {
    this.source = source[Symbol.asyncIterator]();
    this.quota = quota;
  }

  /** False once another attempt could no longer read the request from its start. */
  get replayable(): boolean {
    return this.keeping && this.failure === undefined;
  }

  /** The request for one attempt; `onTooMuch` is called when it can no longer be kept. */
  open(reader: ReplayReader, onTooMuch: () => void): AsyncIterable<unknown> {
    let position = 0;
    const next = (): Promise<IteratorResult<unknown, undefined>> => {
      if (this.keeping && !this.account(reader.sentBytes)) {
        onTooMuch();
        this.commit();
      }
      // Committed and caught up: the request is read as if nothing stood between.
      const direct = !this.keeping && this.kept.length === 0 && this.reading === undefined;
      return direct ? this.readThrough() : readKept();
    };
    const readKept = async (): Promise<IteratorResult<unknown, undefined>> => {
      while (position - this.dropped >= this.kept.length) {
        if (this.failure !== undefined) throw this.failure.error;
        if (this.done) return { done: true, value: undefined };
        // One read serves all attempts that wait for it.
        this.reading ??= this.read();
        await this.reading;
      }
      const value = this.kept[position - this.dropped];
      position++;
      if (!this.keeping) this.drop(position);
      return { done: false, value };
    };
    // An attempt that stops reading does not end the request: another may begin.
    return { [Symbol.asyncIterator]: () => ({ next, return: noMore }) };
  }

  /** One attempt is left to read: what it has read need not be kept. */
  commit(): void {
    if (!this.keeping) return;
    this.keeping = false;
    this.quota.give(this.takenBytes);
    this.takenBytes = 0;
  }

  /** The call is over: nobody reads on. */
  close(): void {
    this.commit();
    this.kept = [];
    this.done = true;
    // A generator that throws in its `finally` has nobody left to hear it.
    this.source.return?.()?.catch(() => undefined);
  }

  private account(sentBytes: number): boolean {
    const more = sentBytes - this.takenBytes;
    if (more <= 0) return true;
    if (sentBytes > MAX_REPLAY_BYTES || !this.quota.take(more)) return false;
    this.takenBytes = sentBytes;
    return true;
  }

  private readThrough(): Promise<IteratorResult<unknown, undefined>> {
    if (this.failure !== undefined) return Promise.reject(this.failure.error);
    return this.done ? noMore() : this.source.next();
  }

  private drop(before: number): void {
    this.kept.splice(0, before - this.dropped);
    this.dropped = before;
  }

  private async read(): Promise<void> {
    try {
      const next = await this.source.next();
      if (next.done === true) this.done = true;
      else if (!this.done) this.kept.push(next.value);
    } catch (error) {
      this.failure = { error };
    }
    this.reading = undefined;
  }
}

async function noMore(): Promise<IteratorResult<unknown, undefined>> {
  return { done: true, value: undefined };
}
