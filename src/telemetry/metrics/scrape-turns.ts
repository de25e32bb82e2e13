/**
 * Lets the event loop go on between the families of a scrape: prom-client asks for all of them at
 * once, and each would hold it for some milliseconds in a process of many methods.
 */
export class ScrapeTurns {
  private last: Promise<void> = Promise.resolve();

  /** Resolves one turn of the loop after the one before. */
  next(): Promise<void> {
    this.last = this.last.then(() => new Promise((resolve) => setImmediate(resolve)));
    return this.last;
  }
}
