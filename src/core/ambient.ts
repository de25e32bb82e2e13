import { AsyncLocalStorage } from 'node:async_hooks';

import type { Metadata } from 'nice-grpc-common';

import type { CallKey } from './call-key.ts';
import type { Method } from './method.ts';
import type { CallStatus } from './status.ts';

/** What an outgoing call wants to know of the call being handled; a `Call` is one. */
export interface AmbientCall {
  readonly method: Method;
  readonly deadline: number;
  readonly ended: CallStatus | undefined;
  /** Its request headers. */
  readonly headers: Metadata;
  get<T>(key: CallKey<T>): T;
  onCancel(listener: (status: CallStatus) => void): () => void;
}

/** What a handler's outgoing calls inherit without a parameter passed. */
export interface Ambient {
  /** The call being handled: its deadline and its cancellation are inherited. */
  readonly call: AmbientCall;
  /** Request metadata that outgoing calls repeat; only keys on the server's allow-list. */
  readonly propagated: readonly (readonly [
    key: string,
    values: readonly (string | Uint8Array)[],
  ])[];
}

/** The ambient context of the call being handled, kept across promises, streams and generators. */
export interface AmbientContext {
  current(): Ambient | undefined;
  run<T>(ambient: Ambient, body: () => T): T;
  /** Runs `body` outside of any call, for work that outlives the handler. */
  detached<T>(body: () => T): T;
  /**
   * Runs `body` outside of any call and of whatever else the caller runs in, such as a trace: for
   * what many calls share.
   */
  outside<T>(body: () => T): T;
}

export function createAmbientContext(): AmbientContext {
  const storage = new AsyncLocalStorage<Ambient | undefined>();
  const outside = AsyncLocalStorage.snapshot();
  return {
    current: () => storage.getStore(),
    run: (ambient, body) => storage.run(ambient, body),
    detached: (body) => storage.run(undefined, body),
    outside: (body) => outside(() => storage.run(undefined, body)),
  };
}
