import type { CallKey } from './call-key.ts';
import { callKey } from './call-key.ts';
import type { ClientCall } from './client-call.ts';
import type { Interceptor } from './interceptor.ts';
import type { ServerCall } from './server-call.ts';

/**
 * What watches the calls of a process: metrics, traces and logs are one each. Its layers stand at
 * fixed places in the default stacks; like any layer they are bound once a method. Those of several
 * stand inside of each other, the first one outermost.
 */
export interface Telemetry {
  /** Client layer 2: once a call, whatever number of attempts it takes; sees local rejections. */
  readonly clientCall?: Interceptor<ClientCall>;
  /** Client layer 7: once an attempt, outside of the breaker. */
  readonly clientAttempt?: Interceptor<ClientCall>;
  /** Server layer 1: outside of everything, unknown methods too; sees statuses as they are sent. */
  readonly serverCall?: Interceptor<ServerCall>;
}

/** Where a call stands in a trace, as lower-case hex: 32 and 16 digits. */
export interface TraceIds {
  readonly traceId: string;
  readonly spanId: string;
}

/** Set on a call by whoever traces it, where the trace is recorded; for logs to mention. */
export const TRACE: CallKey<TraceIds | undefined> = callKey<TraceIds | undefined>(
  'trace',
  undefined,
);

/** Set on a call that one of its server's own limits refused. */
export const SHED: CallKey<boolean> = callKey('shed', false);

/** Something that lives for a while and can be looked into: a channel, a client, a server. */
export type LivePart = object;

/** What of a process can be looked into now. One a runtime; a part leaves when it is closed. */
export class LiveParts {
  private readonly parts = new Set<LivePart>();
  private readonly leaveListeners = new Set<(part: LivePart) => void>();

  /** Returns what takes the part out again. */
  add(part: LivePart): () => void {
    this.parts.add(part);
    return () => {
      if (!this.parts.delete(part)) return;
      for (const listener of this.leaveListeners) listener(part);
    };
  }

  /** Tells of each part that leaves, so that what it counted can be kept. */
  onLeave(listener: (part: LivePart) => void): void {
    this.leaveListeners.add(listener);
  }

  [Symbol.iterator](): Iterator<LivePart> {
    return this.parts.values();
  }
}
