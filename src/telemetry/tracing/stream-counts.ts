import type { Span } from '@opentelemetry/api';

import type { Call } from '../../core/call.ts';

/**
 * Counts the messages of the streams of a call onto its span, and marks the first of each. An
 * event for each message would cost more than most messages do, and tell less.
 */
export function countMessages(call: Call, span: Span, side: 'client' | 'server'): void {
  const { requestStream, responseStream } = call.method;
  const [requests, responses] =
    side === 'client' ? (['sent', 'received'] as const) : (['received', 'sent'] as const);
  if (requestStream) call.onRequestMessage(counter(call, span, requests));
  if (responseStream) call.onResponseMessage(counter(call, span, responses));
}

function counter(call: Call, span: Span, direction: 'sent' | 'received'): () => void {
  let count = 0;
  // Before the listener that ends the span, which is the one that comes last.
  call.onEnd(() => span.setAttribute(`inboard.messages.${direction}`, count));
  return () => {
    count++;
    if (count === 1) span.addEvent(`first message ${direction}`);
  };
}
