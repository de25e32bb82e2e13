import type { Span } from '@opentelemetry/api';

import type { Call } from '../../core/call.ts';
import type { FaultLog } from '../fault-log.ts';

type Side = 'client' | 'server';

/**
 * Counts the messages of the streams of a call onto its span, and marks the first of each. An
 * event for each message would cost more than most messages do, and tell less.
 */
export function countMessages(call: Call, span: Span, side: Side, faults: FaultLog): void {
  const { requestStream, responseStream } = call.method;
  const [requests, responses] =
    side === 'client' ? (['sent', 'received'] as const) : (['received', 'sent'] as const);
  const counter = (direction: 'sent' | 'received'): (() => void) => {
    let count = 0;
    const safely = (write: () => void): void => {
      try {
        write();
      } catch (error) {
        faults.tell(error, call.runtime);
      }
    };
    // Before the listener that ends the span, which is the one that comes last.
    call.onEnd(() => safely(() => span.setAttribute(`inboard.messages.${direction}`, count)));
    return () => {
      count++;
      if (count === 1) safely(() => span.addEvent(`first message ${direction}`));
    };
  };
  if (requestStream) call.onRequestMessage(counter(requests));
  if (responseStream) call.onResponseMessage(counter(responses));
}
