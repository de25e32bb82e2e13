import type { CallStatus } from './status.ts';
import { OK } from './status.ts';

/** Where a stream gets its messages from: the reading half of a wire. */
export interface MessageSource {
  /** Asks for one more message, which arrives by `push`, or for the end, by `finish`. */
  pull(): void;
  /** The consumer is gone: nothing more is wanted. */
  abandon(): void;
}

type FinishListener = (status: CallStatus, error: unknown) => void;

interface Waiter<T> {
  resolve(result: IteratorResult<T, undefined>): void;
  reject(error: unknown): void;
}

/** What a message counts beside its bytes, so that empty ones are bounded too. */
const MESSAGE_OVERHEAD_BYTES = 128;

/**
 * Received messages as an async iterable for one consumer. Reads a bounded way ahead, so that a
 * consumer that stops reading stops the peer by flow control.
 */
export class MessageStream<T = unknown> implements AsyncIterableIterator<T, undefined> {
  private readonly source: MessageSource;
  private readonly readAheadBytes: number;
  private buffered: { readonly message: T; readonly bytes: number }[] = [];
  private bufferedBytes = 0;
  private waiters: Waiter<T>[] = [];
  private pulling = false;
  private finished = false;
  private failure: unknown = undefined;
  private finishListeners: FinishListener[] | undefined = undefined;
  private finishStatus: CallStatus | undefined = undefined;

  /** `readAheadBytes`: how far to read ahead of the consumer; always one message, however large. */
  constructor(source: MessageSource, readAheadBytes: number) {
    this.source = source;
    this.readAheadBytes = readAheadBytes;
  }

  /** From the source: one message that was asked for, and how large it was on the wire. */
  push(message: T, bytes: number): void {
    this.pulling = false;
    if (this.finished) return;
    const waiter = this.waiters.shift();
    if (waiter === undefined) {
      const counted = bytes + MESSAGE_OVERHEAD_BYTES;
      this.buffered.push({ message, bytes: counted });
      this.bufferedBytes += counted;
    } else {
      waiter.resolve({ done: false, value: message });
    }
    this.pull();
  }

  /** From the source: no more messages; with an error when the stream failed. */
  finish(status: CallStatus, error?: unknown): void {
    if (this.finished) return;
    this.finished = true;
    this.failure = error;
    this.finishStatus = status;
    const { waiters } = this;
    this.waiters = [];
    for (const waiter of waiters) this.settle(waiter);
    if (this.finishListeners === undefined) return;
    for (const listener of this.finishListeners) listener(status, error);
  }

  /** Tells once how the stream ended, in place of wrapping it; in order of registration. */
  onFinish(listener: FinishListener): void {
    if (this.finishStatus !== undefined) {
      listener(this.finishStatus, this.failure);
      return;
    }
    this.finishListeners ??= [];
    this.finishListeners.push(listener);
  }

  next(): Promise<IteratorResult<T, undefined>> {
    const first = this.buffered.shift();
    if (first !== undefined) {
      this.bufferedBytes -= first.bytes;
      this.pull();
      return Promise.resolve({ done: false, value: first.message });
    }
    return new Promise((resolve, reject) => {
      const waiter = { resolve, reject };
      if (this.finished) {
        this.settle(waiter);
        return;
      }
      this.waiters.push(waiter);
      this.pull();
    });
  }

  return(): Promise<IteratorResult<T, undefined>> {
    this.buffered = [];
    if (!this.finished) {
      this.source.abandon();
      this.finish(OK);
    }
    this.failure = undefined;
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  private pull(): void {
    if (this.pulling || this.finished || this.bufferedBytes >= this.readAheadBytes) return;
    this.pulling = true;
    this.source.pull();
  }

  /** The error is told once; after it the stream is just over, as with a generator. */
  private settle(waiter: Waiter<T>): void {
    const { failure } = this;
    this.failure = undefined;
    if (failure === undefined) waiter.resolve({ done: true, value: undefined });
    else waiter.reject(failure);
  }
}
