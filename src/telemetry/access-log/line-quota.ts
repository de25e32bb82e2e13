import type { Call } from '../../core/call.ts';
import type { Clock } from '../../core/clock.ts';
import { Status } from '../../core/status.ts';
import { TokenBucket } from '../../policies/token-bucket.ts';
import type { Level } from './call-line.ts';
import { levelOf } from './call-line.ts';

/** How long what is left out is counted before it is told, in ms. */
const COUNT_MS = 1_000;

/** What has lines of its own: a flood of one kind leaves the others theirs. */
type Kind = Level | 'unknown' | 'slow';

/** How many lines were left out, and of which codes. */
export interface Suppressed {
  readonly suppressed: number;
  readonly codes: Readonly<Record<string, number>>;
}

/** Bounds the lines that are not sampled, and counts those that it leaves out. */
export class LineQuota {
  private readonly buckets: Readonly<Record<Kind, TokenBucket>>;
  private readonly codes = new Map<string, number>();
  private suppressed = 0;
  private sinceMs = 0;

  constructor(perSecond: number, clock: Clock) {
    const policy = { perSecond, burst: Math.max(1, perSecond) };
    const bucket = (): TokenBucket => new TokenBucket(policy, clock);
    this.buckets = {
      error: bucket(),
      warn: bucket(),
      info: bucket(),
      unknown: bucket(),
      slow: bucket(),
    };
  }

  /** True where a call that ended with this code may have its line; the others are counted. */
  tryTake(method: Call['method'], code: Status, nowMs: number): boolean {
    if (this.buckets[kindOf(method, code)].tryTake(nowMs)) return true;
    if (this.suppressed === 0) this.sinceMs = nowMs;
    this.suppressed++;
    // A handler can fail with any number: those that are no code share a name.
    const name = Status[code] ?? 'other';
    this.codes.set(name, (this.codes.get(name) ?? 0) + 1);
    return false;
  }

  /** What was left out, once in a while and once each; undefined where there is nothing to tell. */
  takeSuppressed(nowMs: number): Suppressed | undefined {
    const { suppressed } = this;
    if (suppressed === 0 || nowMs - this.sinceMs < COUNT_MS) return undefined;
    const codes = Object.fromEntries(this.codes);
    this.suppressed = 0;
    this.codes.clear();
    return { suppressed, codes };
  }
}

/** Whoever can reach the server can call methods that it has not, as often as they like. */
function kindOf(method: Call['method'], code: Status): Kind {
  if (!method.known) return 'unknown';
  return code === Status.OK ? 'slow' : levelOf(code);
}
