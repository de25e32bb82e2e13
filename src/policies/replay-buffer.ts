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

/** What a message counts beside its bytes, so that empty ones are bounded too. */
const MESSAGE_OVERHEAD_BYTES = 128;

/** What counts the bytes that an attempt has encoded so far: an attempt call. */
export interface ReplayReader {
  readonly sentBytes: number;
}

type Result = IteratorResult<unknown, undefined>;

const OVER: Result = { done: true, value: undefined };

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
  /** The one attempt that reads on, once the call has committed to it. */
  private owner: ReplayReader | undefined = undefined;
  private closed = false;

  constructor(source: AsyncIterable<unknown, undefined>, quota: ReplayQuota) {
    this.source = source[Symbol.asyncIterator]();
    this.quota = quota;
  }

  /** False once another attempt could no longer read the request from its start. */
  get replayable(): boolean {
    return this.owner === undefined && this.failure === undefined && !this.closed;
  }

  /** The request for one attempt; `onTooMuch` is called when it can no longer be kept. */
  open(reader: ReplayReader, onTooMuch: () => void): AsyncIterable<unknown> {
    return { [Symbol.asyncIterator]: () => this.iterate(reader, onTooMuch) };
  }

  /** One attempt is left to read: what it has read need not be kept, and no other reads on. */
  commit(owner: ReplayReader): void {
    if (this.owner !== undefined) return;
    this.owner = owner;
    this.release();
  }

  /** The call is over: nobody reads on. */
  close(): void {
    this.closed = true;
    this.done = true;
    this.kept = [];
    this.release();
    // A generator that throws in its `finally` has nobody left to hear it.
    this.source.return?.()?.catch(() => undefined);
  }

  private iterate(reader: ReplayReader, onTooMuch: () => void): AsyncIterator<unknown> {
    let position = 0;
    let left = false;
    const isOut = (): boolean =>
      left || this.closed || (this.owner !== undefined && this.owner !== reader);
    const readKept = async (): Promise<Result> => {
      while (!isOut() && position - this.dropped >= this.kept.length) {
        if (this.failure !== undefined) throw this.failure.error;
        if (this.done) return OVER;
        // One read serves all attempts that wait for it.
        this.reading ??= this.read();
        await this.reading;
      }
      if (isOut()) return OVER;
      if (position < this.dropped) throw new Error('The request was read and is no longer kept');
      const value = this.kept[position - this.dropped];
      position++;
      if (this.owner !== undefined) this.drop(position);
      return { done: false, value };
    };
    return {
      next: () => {
        if (this.owner === undefined && !this.account(reader, position)) {
          onTooMuch();
          this.commit(reader);
        }
        // Committed and caught up: the request is read as if nothing stood between.
        const caughtUp = this.owner === reader && position - this.dropped >= this.kept.length;
        if (!caughtUp || this.reading !== undefined || isOut()) return readKept();
        this.kept = [];
        position++;
        this.dropped = position;
        return this.readThrough();
      },
      // An attempt that stops reading does not end the request: another may begin.
      return: () => {
        left = true;
        return Promise.resolve(OVER);
      },
    };
  }

  private readThrough(): Promise<Result> {
    if (this.failure !== undefined) return Promise.reject(this.failure.error);
    return this.done ? Promise.resolve(OVER) : this.source.next();
  }

  private account(reader: ReplayReader, messages: number): boolean {
    const bytes = reader.sentBytes + messages * MESSAGE_OVERHEAD_BYTES;
    const more = bytes - this.takenBytes;
    if (more <= 0) return true;
    if (bytes > MAX_REPLAY_BYTES || !this.quota.take(more)) return false;
    this.takenBytes = bytes;
    return true;
  }

  private release(): void {
    this.quota.give(this.takenBytes);
    this.takenBytes = 0;
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
