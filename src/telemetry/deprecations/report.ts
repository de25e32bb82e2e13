/** `/deprecations`: what a process serves that is deprecated, and who uses it. */
export interface DeprecationReport {
  /** The version of inboard that counts. */
  readonly inboard: string;
  /** Since when it counts: an ISO date. */
  readonly since: string;
  /** Used or not. */
  readonly deprecated: readonly ReportedPart[];
}

/** A method or a field that is deprecated. */
export interface ReportedPart {
  /** `package.Service/Method`. */
  readonly method: string;
  /** The full name of a field of its request; empty for the method itself. */
  readonly field: string;
  /** Most calls first; empty where nobody used it. */
  readonly uses: readonly ReportedUse[];
}

export interface ReportedUse {
  /** Who it proved to be, else what it calls itself, else its address; `other` of further ones. */
  readonly caller: string;
  /** Calls; of a field, request messages in which it was set. */
  readonly calls: number;
  /** When the last one was: an ISO date. */
  readonly lastAt: string;
}
