import type { Context } from '@opentelemetry/api';
import { context, createContextKey, ROOT_CONTEXT } from '@opentelemetry/api';

import type { CallKey } from '../../core/call-key.ts';
import { callKey } from '../../core/call-key.ts';
import type { CallRuntime } from '../../core/call-runtime.ts';

/** On the call that is handled: the context that its handler runs in. */
export const HANDLER_TRACE: CallKey<Context | undefined> = callKey<Context | undefined>(
  'handler-trace',
  undefined,
);

/** By this name `suppressTracing()` of @opentelemetry/core marks what exporters do themselves. */
const SUPPRESSED = createContextKey('OpenTelemetry SDK Context Key SUPPRESS_TRACING');

const PROBE = ROOT_CONTEXT.setValue(createContextKey('inboard context probe'), true);

export function isSuppressed(current: Context): boolean {
  return current.getValue(SUPPRESSED) === true;
}

/**
 * The context that a call is made in. Without a context manager OpenTelemetry knows none: then it
 * is that of the call being handled.
 */
export function currentContext({ ambient }: CallRuntime): Context {
  const active = context.active();
  if (active !== ROOT_CONTEXT) return active;
  const handler = ambient.current()?.call.get(HANDLER_TRACE);
  // With a manager the root is what somebody asked for, to begin a trace of its own.
  return handler === undefined || keepsContexts() ? active : handler;
}

function keepsContexts(): boolean {
  return context.with(PROBE, () => context.active() === PROBE);
}
