import type { Call } from '../../core/call.ts';

/** The messages of a call's streams, as they pass the wire end of its stack. */
export class MessageCounts {
  private readonly streams: Pick<Call['method'], 'requestStream' | 'responseStream'>;
  private requests = 0;
  private responses = 0;

  constructor(call: Call) {
    const { requestStream, responseStream } = call.method;
    this.streams = call.method;
    if (requestStream) call.onRequestMessage(() => this.requests++);
    if (responseStream) call.onResponseMessage(() => this.responses++);
  }

  /** The fields of a line: a direction that is no stream has none. */
  fields(): { requestMessages?: number; responseMessages?: number } {
    const { requestStream, responseStream } = this.streams;
    return {
      ...(requestStream && { requestMessages: this.requests }),
      ...(responseStream && { responseMessages: this.responses }),
    };
  }
}
