import { Metadata } from 'nice-grpc-common';

import type { CallKey } from './call-key.ts';
import type { CallRuntime } from './call-runtime.ts';
import type { Method, Payload } from './method.ts';
import type { CallStatus } from './status.ts';
import { Status } from './status.ts';

export type EndListener = (status: CallStatus) => void;
export type MessageTap = (message: unknown) => void;

/**
 * One pass through a stack: on the client a logical call above the retry layer and one attempt
 * below it, on the server the handling of one call. Whoever creates a Call ends it.
 *
 * Headers, trailers, values and the signal are made on first read, for most calls use none.
 */
export abstract class Call {
  readonly method: Method;
  readonly runtime: CallRuntime;
  /** When the call must be over, in milliseconds of the runtime's clock; Infinity for never. */
  deadline: number = Number.POSITIVE_INFINITY;
  /** Set once the call is over. */
  ended: CallStatus | undefined = undefined;
  /** Set once the call was cancelled, by a deadline, a peer, a caller or a layer. */
  cancelled: CallStatus | undefined = undefined;

  private requestHeaders: Metadata | undefined = undefined;
  private responseHeaders: Metadata | (() => Metadata) | undefined = undefined;
  private responseTrailers: Metadata | (() => Metadata) | undefined = undefined;
  private values: Map<CallKey<unknown>, unknown> | undefined = undefined;
  private endListeners: EndListener[] | undefined = undefined;
  private cancelListeners: Set<EndListener> | undefined = undefined;
  private controller: AbortController | undefined = undefined;
  private requestTaps: MessageTap[] | undefined = undefined;
  private responseTaps: MessageTap[] | undefined = undefined;

  constructor(method: Method, runtime: CallRuntime) {
    this.method = method;
    this.runtime = runtime;
  }

  /** Client: the message, or an async iterable. Server: a promise of it, decoded on first read. */
  abstract readonly request: Payload;

  /** Request headers: on the client what will be sent, on the server what came. */
  get headers(): Metadata {
    this.requestHeaders ??= this.makeHeaders();
    return this.requestHeaders;
  }

  set headers(metadata: Metadata) {
    this.requestHeaders = metadata;
  }

  /** True when request headers were set or read, so that a transport can skip empty ones. */
  get hasHeaders(): boolean {
    return this.requestHeaders !== undefined;
  }

  /** Response headers: on the client what came, on the server what will be sent. */
  get responseHeader(): Metadata {
    this.responseHeaders = made(this.responseHeaders);
    return this.responseHeaders;
  }

  /** For transports: how to convert the response headers, should anyone read them. */
  readResponseHeader(read: () => Metadata): void {
    this.responseHeaders = read;
  }

  get hasResponseHeader(): boolean {
    return this.responseHeaders !== undefined;
  }

  /** Response trailers: on the client what came, on the server what will be sent. */
  get responseTrailer(): Metadata {
    this.responseTrailers = made(this.responseTrailers);
    return this.responseTrailers;
  }

  /** For transports: how to convert the response trailers, should anyone read them. */
  readResponseTrailer(read: () => Metadata): void {
    this.responseTrailers = read;
  }

  get hasResponseTrailer(): boolean {
    return this.responseTrailers !== undefined;
  }

  /** Takes over what another call got for a response, read or not. */
  adoptResponse({ responseHeaders, responseTrailers }: Call): void {
    this.responseHeaders = responseHeaders;
    this.responseTrailers = responseTrailers;
  }

  get<T>(key: CallKey<T>): T {
    const { values } = this;
    if (values === undefined || !values.has(key)) return key.defaultValue;
    return values.get(key) as T;
  }

  /** True when a layer left a value on this very call. */
  has<T>(key: CallKey<T>): boolean {
    return this.values?.has(key) ?? false;
  }

  set<T>(key: CallKey<T>, value: T): void {
    this.values ??= new Map();
    this.values.set(key, value);
  }

  /**
   * Calls `listener` exactly once when the call is over, whatever its shape and however it ended;
   * at once if it already is. In order of registration, innermost layer last.
   */
  onEnd(listener: EndListener): void {
    if (this.ended !== undefined) {
      this.notify(listener, this.ended);
      return;
    }
    this.endListeners ??= [];
    this.endListeners.push(listener);
  }

  /** For whoever created the call. The first status counts. */
  end(status: CallStatus): void {
    if (this.ended !== undefined) return;
    this.ended = status;
    const { cancelListeners, endListeners } = this;
    this.cancelListeners = undefined;
    this.endListeners = undefined;
    // What still runs for a call that is over has nobody to run for.
    if (cancelListeners !== undefined) {
      for (const listener of cancelListeners) this.notify(listener, status);
    }
    if (endListeners !== undefined) {
      for (const listener of endListeners) this.notify(listener, status);
    }
  }

  /** Ends everything that waits for this call; the first cancellation counts. */
  cancel(status: CallStatus): void {
    if (this.cancelled !== undefined) return;
    this.cancelled = status;
    const listeners = this.cancelListeners;
    this.cancelListeners = undefined;
    if (listeners !== undefined) for (const listener of listeners) this.notify(listener, status);
    this.controller?.abort(abortReason(status));
  }

  /**
   * Calls `listener` once when the call is cancelled, or over while somebody still listens; at
   * once if it already is. Returns what takes the listener back.
   */
  onCancel(listener: EndListener): () => void {
    const over = this.cancelled ?? this.ended;
    if (over !== undefined) {
      this.notify(listener, over);
      return nothing;
    }
    this.cancelListeners ??= new Set();
    const listeners = this.cancelListeners;
    listeners.add(listener);
    return () => listeners.delete(listener);
  }

  /** The cancellation as an AbortSignal. Making one costs more than `onCancel`. */
  get signal(): AbortSignal {
    if (this.controller === undefined) {
      this.controller = new AbortController();
      if (this.cancelled !== undefined) this.controller.abort(abortReason(this.cancelled));
    }
    return this.controller.signal;
  }

  /** Shows `tap` every request message as it passes the wire end of the stack. */
  onRequestMessage(tap: MessageTap): void {
    this.requestTaps ??= [];
    this.requestTaps.push(tap);
  }

  /** True where a tap waits for request messages. */
  get tapsRequest(): boolean {
    return this.requestTaps !== undefined;
  }

  /** True where a tap waits for response messages. */
  get tapsResponse(): boolean {
    return this.responseTaps !== undefined;
  }

  /** Shows `tap` every response message as it passes the wire end of the stack. */
  onResponseMessage(tap: MessageTap): void {
    this.responseTaps ??= [];
    this.responseTaps.push(tap);
  }

  /** For transports and pumps. */
  tapRequest(message: unknown): void {
    if (this.requestTaps !== undefined) this.show(this.requestTaps, message);
  }

  /** For transports and pumps. */
  tapResponse(message: unknown): void {
    if (this.responseTaps !== undefined) this.show(this.responseTaps, message);
  }

  protected makeHeaders(): Metadata {
    return Metadata();
  }

  protected show<T>(taps: readonly ((message: T) => void)[], message: T): void {
    for (const tap of taps) {
      try {
        tap(message);
      } catch (error) {
        this.report(error);
      }
    }
  }

  private notify(listener: EndListener, status: CallStatus): void {
    try {
      listener(status);
    } catch (error) {
      this.report(error);
    }
  }

  /** A listener that throws must harm neither the call nor the other listeners; nor a log. */
  protected report(error: unknown): void {
    try {
      this.runtime.logger.error({ err: error, method: this.method.path }, 'a call listener threw');
    } catch {
      // Nobody is left to tell.
    }
  }
}

function nothing(): void {}

function made(metadata: Metadata | (() => Metadata) | undefined): Metadata {
  if (metadata === undefined) return Metadata();
  return typeof metadata === 'function' ? metadata() : metadata;
}

function abortReason(status: CallStatus): unknown {
  if (status.cause instanceof Error) return status.cause;
  const name = status.code === Status.DEADLINE_EXCEEDED ? 'TimeoutError' : 'AbortError';
  return new DOMException(status.details || 'The call is over', name);
}
