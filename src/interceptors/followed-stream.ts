import { statusOfError } from '../core/errors.ts';
import type { Payload } from '../core/method.ts';
import type { CallStatus } from '../core/status.ts';
import { OK, Status } from '../core/status.ts';

const LEFT: CallStatus = {
  code: Status.CANCELLED,
  details: 'The caller stopped reading the response',
};

type Result = IteratorResult<unknown, undefined>;

/** A streamed response that a layer has made anew: tells once how it ended. */
export class FollowedStream implements AsyncIterableIterator<unknown, undefined> {
  private readonly iterator: AsyncIterator<unknown, undefined>;
  private readonly over: (status: CallStatus) => void;

  constructor(payload: Payload, over: (status: CallStatus) => void) {
    this.iterator = (payload as AsyncIterable<unknown, undefined>)[Symbol.asyncIterator]();
    this.over = over;
  }

  async next(): Promise<Result> {
    try {
      const result = await this.iterator.next();
      if (result.done === true) this.over(OK);
      return result;
    } catch (error) {
      this.over(statusOfError(error));
      throw error;
    }
  }

  async return(): Promise<Result> {
    try {
      await this.iterator.return?.();
    } finally {
      this.over(LEFT);
    }
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
