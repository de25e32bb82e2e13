import type { ClientCall } from '../core/client-call.ts';
import type { Interceptor } from '../core/interceptor.ts';
import type { Method } from '../core/method.ts';
import { clientContext } from '../interceptors/client-context.ts';

/** Where users put layers of their own. */
export interface ClientInterceptors {
  /** Once a call, whatever number of attempts it takes: inside the deadline, outside of retries. */
  readonly perCall?: readonly Interceptor<ClientCall>[];
  /** Once an attempt: innermost, just above the channel. */
  readonly perAttempt?: readonly Interceptor<ClientCall>[];
}

export interface ClientStackOptions extends ClientInterceptors {
  readonly timeoutOf: (method: Method) => number | undefined;
}

/** A layer with the name that tests and people know it by. */
export interface NamedLayer<I> {
  readonly name: string;
  readonly layers: readonly I[];
}

/** The default client stack, outermost first, each position with its reason. */
export function clientStack(options: ClientStackOptions): NamedLayer<Interceptor<ClientCall>>[] {
  const { perCall = [], perAttempt = [], timeoutOf } = options;
  return [
    // First, since the deadline bounds every wait below.
    { name: 'context', layers: [clientContext(timeoutOf)] },
    // Sees one call however often it is tried, and every rejection made below.
    { name: 'perCall', layers: perCall },
    // Last before the channel, so that it sees what is sent.
    { name: 'perAttempt', layers: perAttempt },
  ];
}
