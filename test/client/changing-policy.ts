import type { PolicyDocument, PolicySource } from '../../src/index.ts';

/** A policy that a test changes. */
export function changingPolicy(first: PolicyDocument = {}) {
  const listeners = new Set<(document: PolicyDocument) => void>();
  let current = first;
  const source: PolicySource = {
    get current() {
      return current;
    },
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
  const change = (next: PolicyDocument): void => {
    current = next;
    for (const listener of listeners) listener(next);
  };
  return { source, change, listeners };
}
