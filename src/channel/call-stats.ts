/** What became of the calls to one endpoint, since its channel was made. */
export class CallStats {
  picks = 0;
  successes = 0;
  failures = 0;
  /** The last failure, as text. */
  lastError: string | undefined = undefined;
}
