import type { PolicyDocument } from '../policies/policy.ts';

/** A policy that may change while clients use it: a watched file, or one of a program's own. */
export interface PolicySource {
  /** The whole policy as it is now; replaced, never changed. */
  readonly current: PolicyDocument;
  /**
   * Calls the listener after each change, with the whole new policy. Returns what ends that; ending
   * it twice does nothing.
   */
  onChange(listener: (document: PolicyDocument) => void): () => void;
}
