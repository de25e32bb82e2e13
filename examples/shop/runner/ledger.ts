/** What is older than so many entries is not looked for any more: calls last seconds. */
const REMEMBERED = 20_000;

/**
 * What was done that must not be done twice, as those who did it tell: not what their callers
 * believe.
 */
export class Ledger {
  total = 0;
  /** How often something was done once more. */
  twice = 0;
  private readonly done = new Set<string>();

  /** True where this was done before. */
  enter(method: string, id: string): boolean {
    const key = `${method} ${id}`;
    this.total += 1;
    const again = this.done.has(key);
    if (again) this.twice += 1;
    this.done.add(key);
    const [oldest] = this.done;
    if (this.done.size > REMEMBERED && oldest !== undefined) this.done.delete(oldest);
    return again;
  }
}
