import type { Status } from '../../../src/index.ts';
import type { PolicyState, Snapshot } from './protocol.ts';
import type { UnaryMethod } from './specs.ts';

/** One unary call as the load has it made. */
export interface CallRequest {
  readonly method: UnaryMethod;
  /** Unique in the load. */
  readonly id: string;
  readonly timeoutMs: number | undefined;
  readonly headers: Readonly<Record<string, string>> | undefined;
  /** For `relay`. */
  readonly expiresAtMs: number;
  readonly workMs: readonly number[];
}

/** How a call ended. */
export interface CallOutcome {
  readonly code: Status;
  readonly details: string;
  readonly server: string;
  readonly attempts: number;
  readonly longestAttemptMs: number;
  readonly endpoint: string;
}

/** How a stream ended. */
export type StreamOutcome = Pick<CallOutcome, 'code' | 'details'>;

/** A client of the lab's service, whatever library it is made with. Its functions never reject. */
export interface Caller {
  call(request: CallRequest): Promise<CallOutcome>;
  /** Reads a stream to its end. */
  follow(id: string, onMessage: () => void, signal: AbortSignal): Promise<StreamOutcome>;
  /** What its channel knows of its endpoints; undefined where it does not tell. */
  snapshot(): Snapshot;
  policy(): PolicyState;
  close(): Promise<void>;
}
