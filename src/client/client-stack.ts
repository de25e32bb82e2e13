import type { ClientCall } from '../core/client-call.ts';
import type { Interceptor } from '../core/interceptor.ts';
import type { Method } from '../core/method.ts';
import type { Telemetry } from '../core/telemetry.ts';
import { attemptTimeout } from '../interceptors/attempt-timeout.ts';
import type { SharedRetryState } from '../interceptors/attempts.ts';
import { breaker } from '../interceptors/breaker.ts';
import { bulkhead } from '../interceptors/bulkhead.ts';
import { callerName } from '../interceptors/caller-name.ts';
import { clientContext } from '../interceptors/client-context.ts';
import type { Fallback } from '../interceptors/fallback.ts';
import { fallback } from '../interceptors/fallback.ts';
import { faultInjection } from '../interceptors/fault-injection.ts';
import { rateLimit } from '../interceptors/rate-limit.ts';
import { retry } from '../interceptors/retry.ts';
import { throttle } from '../interceptors/throttle.ts';
import type { FailureClassifier } from '../policies/failure.ts';
import type { MethodState } from './method-state.ts';

/** Where users put layers of their own. */
export interface ClientInterceptors {
  /** Once a call, whatever number of attempts it takes: inside the deadline, outside of retries. */
  readonly perCall?: readonly Interceptor<ClientCall>[];
  /** Once an attempt: inside retries, the breaker and the attempt's timeout. */
  readonly perAttempt?: readonly Interceptor<ClientCall>[];
}

export interface ClientStackOptions extends ClientInterceptors {
  readonly telemetry: readonly Telemetry[];
  /** What this process calls itself; undefined where it has no name. */
  readonly service?: string | undefined;
  readonly stateOf: (method: Method) => MethodState;
  readonly fallbackOf: (method: Method) => Fallback | undefined;
  readonly classifierOf: (method: Method) => FailureClassifier | undefined;
  readonly shared: SharedRetryState;
}

/** A layer with the name that tests and people know it by. */
export interface NamedLayer<I> {
  readonly name: string;
  readonly layers: readonly I[];
}

/** The default client stack, outermost first, each position with its reason. */
export function clientStack(options: ClientStackOptions): NamedLayer<Interceptor<ClientCall>>[] {
  const { perCall = [], perAttempt = [], telemetry, stateOf, fallbackOf, shared } = options;
  return [
    // First, since the deadline bounds every wait below.
    { name: 'context', layers: [clientContext((method) => stateOf(method).policy)] },
    // After what is inherited: metadata that is handed down is not replaced.
    { name: 'caller-name', layers: [callerName(options.service)] },
    // Sees one call however often it is tried, and every rejection made below.
    { name: 'telemetry', layers: telemetry.flatMap(({ clientCall }) => clientCall ?? []) },
    // What users add is seen by telemetry, and sees what it leaves on the call.
    { name: 'perCall', layers: perCall },
    // Outside of all that may still save the call: it sees the final outcome only.
    { name: 'fallback', layers: [fallback(fallbackOf)] },
    // Before anything is held: what is refused here costs nobody anything.
    { name: 'rate-limit', layers: [rateLimit((method) => stateOf(method).rateLimit)] },
    { name: 'throttle', layers: [throttle((method) => stateOf(method).throttle)] },
    // Outside of retries: one permit a call, whatever number of attempts it takes.
    { name: 'bulkhead', layers: [bulkhead((method) => stateOf(method).bulkhead)] },
    { name: 'retry', layers: [retry((method) => stateOf(method).rules, shared)] },
    // Each attempt, those included that the breaker refuses.
    {
      name: 'attempt-telemetry',
      layers: telemetry.flatMap(({ clientAttempt }) => clientAttempt ?? []),
    },
    // Inside of retries: each attempt counts, and an open circuit ends them.
    { name: 'breaker', layers: [breakerLayer(options)] },
    // Inside the breaker: an attempt that takes too long counts as a failure.
    {
      name: 'attempt-timeout',
      layers: [attemptTimeout((method) => stateOf(method).policy.attemptTimeoutMs)],
    },
    { name: 'perAttempt', layers: perAttempt },
    // Below everything that it is meant to exercise.
    { name: 'fault-injection', layers: [faultInjection((m) => stateOf(m).policy.faults)] },
  ];
}

function breakerLayer(options: ClientStackOptions): Interceptor<ClientCall> {
  const { stateOf, classifierOf } = options;
  return breaker(
    (method) => stateOf(method).breaker,
    (method) => stateOf(method).latency,
    classifierOf,
  );
}
