import type { ClientCall } from '../core/client-call.ts';
import { ConfigError, statusOfError, toRpcError } from '../core/errors.ts';
import type { Payload } from '../core/method.ts';
import { MessageStream } from '../core/message-stream.ts';
import { OK, Status } from '../core/status.ts';
import { bounded } from './bounded.ts';

type Result = IteratorResult<unknown, undefined>;

/** A streamed response as its caller reads it. Its call starts with the first read. */
export class ResponseStream implements AsyncIterableIterator<unknown, undefined>, AsyncDisposable {
  private readonly makeCall: () => ClientCall;
  private readonly handler: (call: ClientCall) => Promise<Payload>;
  private call: ClientCall | undefined = undefined;
  private iterator: AsyncIterator<unknown, undefined> | undefined = undefined;
  private opening: Promise<AsyncIterator<unknown, undefined>> | undefined = undefined;
  private over = false;

  constructor(makeCall: () => ClientCall, handler: (call: ClientCall) => Promise<Payload>) {
    this.makeCall = makeCall;
    this.handler = handler;
  }

  next(): Promise<Result> {
    if (this.over) return Promise.resolve({ done: true, value: undefined });
    // The transport's own stream tells of its end by itself; it needs no promise around each read.
    if (this.iterator instanceof MessageStream) return this.iterator.next() as Promise<Result>;
    return this.nextTracked();
  }

  async return(): Promise<Result> {
    const { call, iterator } = this;
    this.over = true;
    if (call !== undefined) {
      const details = 'The caller stopped reading the response';
      const status = { code: Status.CANCELLED, details };
      call.cancel(status);
      try {
        await iterator?.return?.();
      } finally {
        call.end(status);
      }
    }
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }

  private async nextTracked(): Promise<Result> {
    try {
      this.opening ??= this.open();
      const iterator = await this.opening;
      const result = await iterator.next();
      if (result.done === true) this.finish(undefined);
      return result;
    } catch (error) {
      throw this.finish(error);
    }
  }

  private async open(): Promise<AsyncIterator<unknown, undefined>> {
    const call = this.makeCall();
    this.call = call;
    const payload = (await bounded(call, this.handler)) as AsyncIterable<unknown, undefined>;
    if (payload instanceof MessageStream) payload.onFinish((status) => call.end(status));
    // A stream that a layer has made tells of its end only when it is read.
    else call.onCancel((status) => call.end(status));
    this.iterator = payload[Symbol.asyncIterator]();
    return this.iterator;
  }

  private finish(error: unknown): unknown {
    const { call } = this;
    this.over = true;
    if (error === undefined) {
      call?.end(OK);
      return undefined;
    }
    if (call === undefined) return error;
    const failure = error instanceof ConfigError ? error : toRpcError(call.method.path, error);
    call.end(statusOfError(failure));
    return failure;
  }
}
