/** Marks the handlers of all servers of a process. */
const OF_A_SERVER = Symbol.for('inboard.server.signal');

interface SignalHandler {
  (): void;
  readonly [OF_A_SERVER]: true;
}

/**
 * Ends a server on a signal, and the process after it, with 0. A second signal forces the end.
 * Returns what takes the handlers back, after which a signal does what it does by default.
 *
 * Where several servers of one process do so, the one that is done last ends the process.
 */
export function endOnSignals(
  signals: readonly NodeJS.Signals[],
  end: { readonly drain: () => Promise<void>; readonly force: () => Promise<void> },
): () => void {
  let begun = false;
  const onSignal = (): void => {
    if (begun) {
      void end.force();
      return;
    }
    begun = true;
    // The end of the drain takes the handlers back.
    void end.drain().then(() => {
      if (!signals.some(othersHandle)) process.exit(0);
    });
  };
  const handler: SignalHandler = Object.assign(onSignal, { [OF_A_SERVER]: true as const });
  for (const signal of signals) process.on(signal, handler);
  return () => {
    for (const signal of signals) process.off(signal, handler);
  };
}

function othersHandle(signal: NodeJS.Signals): boolean {
  return process.listeners(signal).some((listener) => OF_A_SERVER in listener);
}
