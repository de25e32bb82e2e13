import type { CallStatus } from './status.ts';

/** A call in flight, as the list of all of them sees it. */
export interface InFlightCall {
  older: InFlightCall | undefined;
  newer: InFlightCall | undefined;
  cancel(status: CallStatus): void;
}

/**
 * What a server's calls and its end have to do with each other: which calls there are, and what
 * they are told. One a server.
 */
export class Draining {
  /** Set once every peer was told the last call it may send: what still arrives is refused. */
  refusing: boolean = false;
  /** Calls that are not over. */
  inFlight: number = 0;
  private begun = false;
  private newest: InFlightCall | undefined = undefined;
  private listeners: Set<() => void> | undefined = undefined;

  /** Each call passes here twice, so they are linked and not put into a set. */
  add(call: InFlightCall): void {
    this.inFlight++;
    const { newest } = this;
    call.older = newest;
    if (newest !== undefined) newest.newer = call;
    this.newest = call;
  }

  /** For a call that was added, once. */
  remove(call: InFlightCall): void {
    this.inFlight--;
    const { older, newer } = call;
    if (older !== undefined) older.newer = newer;
    if (newer !== undefined) newer.older = older;
    else this.newest = older;
    // A call that somebody keeps must not keep its neighbours.
    call.older = undefined;
    call.newer = undefined;
  }

  /** Ends every call in flight with a status, which its client is still told. */
  cancelAll(status: CallStatus): void {
    const calls: InFlightCall[] = [];
    for (let call = this.newest; call !== undefined; call = call.older) calls.push(call);
    for (const call of calls) call.cancel(status);
  }

  /** Asks the calls in flight to come to an end. */
  begin(): void {
    if (this.begun) return;
    this.begun = true;
    const { listeners } = this;
    this.listeners = undefined;
    if (listeners !== undefined) for (const listener of listeners) listener();
  }

  /**
   * Calls `listener` once when calls are to come to an end; at once if they already are. Returns
   * what takes the listener back.
   */
  onBegin(listener: () => void): () => void {
    if (this.begun) {
      listener();
      return nothing;
    }
    this.listeners ??= new Set();
    const { listeners } = this;
    listeners.add(listener);
    return () => listeners.delete(listener);
  }
}

function nothing(): void {}
