import type { Context, Span } from '@opentelemetry/api';
import { context } from '@opentelemetry/api';

import type { Call } from '../../core/call.ts';
import type { Handler } from '../../core/interceptor.ts';
import type { Payload } from '../../core/method.ts';
import type { FaultLog } from '../fault-log.ts';

/** Ends a span, even where what is written onto it before that cannot be. */
export function endSpan(span: Span, call: Call, faults: FaultLog, write: () => void): void {
  try {
    write();
  } catch (error) {
    faults.tell(error, call.runtime);
  }
  try {
    span.end();
  } catch (error) {
    faults.tell(error, call.runtime);
  }
}

/**
 * Runs `next` in a context: once, whatever the context manager does. How `next` ends is how the
 * call ends.
 */
export function within<C extends Call>(
  inside: Context,
  next: Handler<C>,
  call: C,
  faults: FaultLog,
): Promise<Payload> {
  let outcome: Promise<Payload> | undefined;
  // Returns nothing: a promise that a manager makes of the outcome would have nobody to catch it.
  const run = (): void => {
    outcome ??= started(next, call);
  };
  try {
    context.with(inside, run);
  } catch (error) {
    faults.tell(error, call.runtime);
  }
  return outcome ?? started(next, call);
}

/** What `next` throws at once is told from what a context manager throws. */
function started<C extends Call>(next: Handler<C>, call: C): Promise<Payload> {
  try {
    return next(call);
  } catch (error) {
    return Promise.reject(error);
  }
}
