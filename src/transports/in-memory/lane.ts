/** Messages that may lie in a lane before its sender has to wait. */
const CAPACITY = 4;

interface Item {
  readonly deliver: () => void;
  /** A message waits until the receiver asks; what is no message does not. */
  readonly message: boolean;
}

/** One direction of a call: in order, delivered in a later turn, held up by a slow receiver. */
export class Lane {
  private queue: Item[] = [];
  private wanted = false;
  private scheduled = false;
  private closed = false;
  private waiting: (() => void)[] = [];

  /** Returns a promise when the receiver must be waited for. */
  message(deliver: () => void): Promise<void> | undefined {
    // The sender learns of the end in a later turn: a fast generator must let that turn come.
    if (this.closed) return new Promise((resolve) => void setImmediate(resolve));
    this.add({ deliver, message: true });
    if (this.queue.length <= CAPACITY) return undefined;
    return new Promise((resolve) => this.waiting.push(resolve));
  }

  /** Headers, half-close, status: they wait for the messages before them, not to be asked for. */
  control(deliver: () => void): void {
    if (!this.closed) this.add({ deliver, message: false });
  }

  pull(): void {
    this.wanted = true;
    this.schedule();
  }

  /** Forgets what was not delivered, and lets a waiting sender go on. */
  close(): void {
    this.closed = true;
    this.queue = [];
    this.release();
  }

  private add(item: Item): void {
    this.queue.push(item);
    this.schedule();
  }

  private schedule(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    setImmediate(() => {
      this.scheduled = false;
      this.run();
    });
  }

  private run(): void {
    for (;;) {
      const item = this.queue[0];
      if (item === undefined || (item.message && !this.wanted)) break;
      this.queue.shift();
      if (item.message) this.wanted = false;
      item.deliver();
    }
    if (this.queue.length <= CAPACITY) this.release();
  }

  private release(): void {
    const { waiting } = this;
    this.waiting = [];
    for (const resolve of waiting) resolve();
  }
}
