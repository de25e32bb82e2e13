/**
 * The end of a server, as its calls see it coming. One a server; its calls and its drain gate
 * look at it.
 */
export class Draining {
  /** Set once every peer was told the last call it may send: what still arrives is refused. */
  refusing: boolean = false;
  private begun = false;
  private listeners: Set<() => void> | undefined = undefined;

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
