/** A time below this, in ms, counts as this long: nothing is gained by choosing among such. */
const MIN_MS = 1;

/** An endpoint is slow from so many times the typical latency on; below, all are alike. */
const SLOW = 2;

/** A failure counts as an answer that took so many times the typical latency. */
const FAILURE_PENALTY = 10;

/** How fast an idle endpoint's slowness is forgotten, in ms: first, and once probes confirmed it. */
const FIRST_DECAY_MS = 1_000;
const DECAY_MS = 10_000;

/**
 * A slow endpoint that gets a call is tried again once so much of its slowness is left. That is
 * before it counts as no slower than the rest, for they have calls pending: one of three servers
 * ten times slower, reads hedged, got 0.9 % of the picks when such calls did not count as trials,
 * and gets 0.2 %.
 */
const TRIED_AGAIN = 0.75;

/**
 * How fast a failure is forgotten, in ms; twice as long for each one in a row from the fifth on.
 * The first few must come soon, for it takes some until an endpoint that fails is ejected.
 */
const FAILURE_DECAY_MS = 100;
const QUICK_FAILURES = 5;

/** One answer moves the typical latency by this factor, up or down: so it follows the median. */
const STEP = 1.05;

/**
 * A call that was given up would have taken longer than it did: about as long again, as a rule for
 * heavy tails, and it is believed at once. Without that a slow endpoint whose calls are all hedged
 * looks no slower than the hedges, and keeps getting calls.
 */
const CENSORED = 2;

/** How a call ended, as far as it says something of its endpoint. */
export type LoadOutcome =
  /** The server answered, with whatever status. */
  | 'answered'
  /** The server had too much to do. */
  | 'overloaded'
  | 'failed'
  /** Ended on this side: it took at least that long, and nobody knows how it would have ended. */
  | 'abandoned'
  /** It never went out. */
  | 'unsent';

/** What the endpoints of one channel are measured against. */
export class ChannelLoad {
  /**
   * What a unary call typically takes, in ms; 0 until something was measured. The median, which
   * steps of 5 % follow.
   */
  typicalMs = 0;
  /** Calls that were picked an endpoint for. */
  picks = 0;

  observe(ms: number): void {
    if (this.typicalMs === 0) this.typicalMs = ms;
    else this.typicalMs *= ms > this.typicalMs ? STEP : 1 / STEP;
  }
}

/**
 * How busy and how slow one endpoint is, as its channel sees it: Finagle's Peak EWMA, with what
 * makes it fair among endpoints that are alike and sparing with one that is not.
 *
 * - Slowness is relative to what is typical for the channel, and 1 up to twice that: the usual
 *   scatter of latencies, where Peak EWMA prefers whoever was lucky last, decides nothing. (Six
 *   equal endpoints got 0.7 to 1.25 of their fair share with Peak EWMA, 0.95 to 1.05 with this.)
 * - An answer moves the estimate by a quarter of the ratio to it when higher and by half when
 *   lower, so one hiccup condemns nobody. What rises at once, as a peak does, is silence: with
 *   calls in flight and no answer since longer than the estimate, that time is the latency. It
 *   shows a stopped process long before a timeout does.
 * - A failure counts as ten times the typical latency at once (as Linkerd's failure penalty), so
 *   that an endpoint that fails fast does not look fast; being overloaded counts so, too. It is
 *   forgotten within 0.2 s, and more slowly from the fifth in a row on.
 * - An idle endpoint's slowness is forgotten with a time constant of 1 s, which doubles up to 10 s
 *   (Finagle's) each time the one call that was then tried was slow again.
 */
export class EndpointLoad {
  /** Calls that were picked for it and are not over, streams included. */
  inFlight = 0;
  /** Which pick of the channel its last one was: the lower, the longer ago. */
  lastPick = 0;
  private readonly channel: ChannelLoad;
  /** Unary calls among those in flight: only these are awaited. */
  private awaited = 0;
  /** 0 until something was measured. */
  private estimateMs = 0;
  private updatedMs = 0;
  /** The estimate as answers left it, while failures have raised it since; -1 where none has. */
  private answeredMs = -1;
  /** When the server last answered, or the first of the calls in flight was sent. */
  private progressMs = 0;
  /** The time constant of slowness; grows as probes confirm it. */
  private decayMs = FIRST_DECAY_MS;
  /** The one in force: that, or after a failure a shorter one. */
  private forgetMs = FIRST_DECAY_MS;
  private failuresInRow = 0;
  /** The call in flight finds out whether an endpoint still is slow. */
  private probing = false;

  constructor(channel: ChannelLoad) {
    this.channel = channel;
  }

  /** A call was picked for it. `unary`: its end will tell a latency. */
  begin(nowMs: number, unary: boolean): void {
    this.inFlight++;
    this.lastPick = ++this.channel.picks;
    if (!unary) return;
    if (this.awaited === 0) {
      const slow = this.estimateMs > SLOW * this.channel.typicalMs;
      this.probing = slow && this.expectedMs(nowMs) < TRIED_AGAIN * this.estimateMs;
      this.progressMs = nowMs;
    }
    this.awaited++;
  }

  /** The end of a call that began at `sinceMs`; once for each `begin`. */
  end(outcome: LoadOutcome, sinceMs: number, nowMs: number, unary: boolean): void {
    this.inFlight--;
    if (unary) this.awaited--;
    if (outcome === 'failed' || outcome === 'overloaded') this.penalise(nowMs);
    else if (unary && outcome !== 'unsent') {
      this.observe(Math.max(nowMs - sinceMs, MIN_MS), nowMs, outcome === 'answered');
    }
  }

  /** What answers took lately, in ms, failures and silence left aside; 0 while nothing is known. */
  get recentMs(): number {
    return (this.answeredMs < 0 ? this.estimateMs : this.answeredMs) || this.channel.typicalMs;
  }

  /**
   * What a call is expected to take, in ms; undefined while nothing is known. Slowness that is
   * forgotten leaves what is typical of the channel, for no endpoint answers in no time.
   */
  latencyMs(nowMs: number): number | undefined {
    const forgottenMs = Math.min(this.estimateMs, this.channel.typicalMs);
    const ms = Math.max(this.expectedMs(nowMs), forgottenMs);
    return ms === 0 ? undefined : ms;
  }

  /**
   * What the next call costs: pending work, times the square of the slowness. The square keeps a
   * tail of slow calls out of the 99th percentile that the plain ratio lets in.
   */
  cost(nowMs: number): number {
    const typicalMs = this.channel.typicalMs;
    const pending = this.inFlight + 1;
    if (typicalMs === 0) return pending;
    const slowness = this.expectedMs(nowMs) / typicalMs;
    return slowness > SLOW ? pending * slowness * slowness : pending;
  }

  /** Forgets what was measured, as after a time without calls; calls in flight go on. */
  reset(): void {
    this.estimateMs = 0;
    this.answeredMs = -1;
    this.decayMs = FIRST_DECAY_MS;
    this.forgetMs = FIRST_DECAY_MS;
    this.failuresInRow = 0;
  }

  private expectedMs(nowMs: number): number {
    const ms = this.estimateMs;
    if (this.awaited > 0) {
      // Time alone does not make it faster while a call finds out: one at a time does.
      return Math.max(ms, nowMs - this.progressMs);
    }
    if (ms <= SLOW * this.channel.typicalMs) return ms;
    return ms * Math.exp((this.updatedMs - nowMs) / this.forgetMs);
  }

  private penalise(nowMs: number): void {
    this.keepAnswered();
    const ms = FAILURE_PENALTY * Math.max(this.channel.typicalMs, MIN_MS);
    this.estimateMs = Math.max(this.estimateMs, ms);
    this.updatedMs = nowMs;
    this.probing = false;
    const times = 2 ** Math.max(0, this.failuresInRow - QUICK_FAILURES + 1);
    this.forgetMs = Math.min(FAILURE_DECAY_MS * times, DECAY_MS);
    this.failuresInRow++;
  }

  private observe(ms: number, nowMs: number, answered: boolean): void {
    this.forgetMs = this.decayMs;
    if (answered) {
      this.progressMs = nowMs;
      this.answeredMs = -1;
      this.failuresInRow = 0;
      this.channel.observe(ms);
    } else {
      this.keepAnswered();
    }
    const before = this.estimateMs;
    // On a scale of ratios: a quarter of the way up, half of the way down.
    if (before === 0) this.estimateMs = ms;
    else if (ms > before && !answered) this.estimateMs = CENSORED * ms;
    else if (ms > before) this.estimateMs = before * Math.sqrt(Math.sqrt(ms / before));
    else if (answered) this.estimateMs = Math.sqrt(before * ms);
    this.concluded(ms, nowMs, answered);
  }

  private keepAnswered(): void {
    if (this.answeredMs < 0) this.answeredMs = this.estimateMs;
  }

  /**
   * Slow again after one call tried it: the next will be tried later. A call that was given up has
   * never shown that it is fast: a hedge that wins soon would else bring the next one soon.
   */
  private concluded(ms: number, nowMs: number, answered: boolean): void {
    this.updatedMs = nowMs;
    if (this.probing) {
      const slow = (answered ? ms : CENSORED * ms) > SLOW * this.channel.typicalMs;
      if (slow) this.decayMs = Math.min(this.decayMs * 2, DECAY_MS);
      else if (answered) this.decayMs = FIRST_DECAY_MS;
      this.forgetMs = this.decayMs;
    }
    this.probing = false;
  }
}
