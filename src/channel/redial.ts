import { DIAL_BACKOFF, backoffMs } from '../policies/backoff.ts';

/**
 * Over how long the clients of a server that restarted come back, in ms. 100 of them are then
 * about 7 dials in any 100 ms, and 15 at worst.
 */
const SPREAD_MS = 1_500;

/**
 * A connection that lived this long, in ms, shows a healthy endpoint. No longer: with replicas that
 * are replaced one after the other, backoffs that add up would leave a client without any.
 */
const HEALTHY_MS = 1_000;

/** The longest wait between two dials while calls want the endpoint, in ms. */
const MAX_WANTED_MS = 5_000;

/**
 * The same where calls find no other endpoint ready: 1.5 s on the average, so that 100 clients whose
 * only server is away still are about 7 dials in any 100 ms.
 */
const ALONE_MS = { least: 1_000, most: 2_000 };

/** On top of the spread, where connections work but soon break. */
const FLAPPING_BACKOFF = { initialMs: 20, multiplier: 2, maxMs: 1_000, jitter: 0.2 };

/**
 * When one endpoint is dialled again.
 *
 * Only the first dial is immediate. A connection that worked is redialled at a random time within
 * 1.5 s, however it ended: all clients of a server lose it in the same moment, by its restart or
 * its GOAWAY, and what dials at once is a burst that a server just starting cannot take. With
 * other endpoints ready nobody notices; a call that has only this one waits.
 *
 * A dial that failed is repeated with the backoff of gRPC's connection-backoff.md. After the first
 * one that is 1.5 s and not 1 s, so that the second round of all clients, which is spread as the
 * first was, begins when that is over.
 */
export class Redial {
  private readonly random: () => number;
  /** Dials that failed since the endpoint was healthy. */
  private failures = 0;
  /** Connections in a row that soon broke. */
  private shortLived = 0;
  /** The next dial is the first after a connection that worked. */
  private first = false;

  constructor(random: () => number) {
    this.random = random;
  }

  /** How long to wait after a connection that lived for `livedMs`. */
  afterLossMs(livedMs: number): number {
    if (livedMs < HEALTHY_MS) {
      this.shortLived++;
    } else {
      this.shortLived = 0;
      this.failures = 0;
    }
    this.first = true;
    const spreadMs = SPREAD_MS * this.random();
    if (this.shortLived < 2) return spreadMs;
    return spreadMs + backoffMs(FLAPPING_BACKOFF, this.shortLived - 2, this.random);
  }

  /** How long to wait after a dial that failed; `wanted`: calls want the endpoint. */
  afterFailureMs(wanted: boolean): number {
    const delayMs = backoffMs(DIAL_BACKOFF, this.failures, this.random);
    this.failures++;
    const leastMs = this.first ? SPREAD_MS : 0;
    this.first = false;
    return Math.max(leastMs, wanted ? Math.min(delayMs, this.mostWantedMs()) : delayMs);
  }

  /** How long a wait of `waitMs` may still be where calls find no endpoint ready. */
  whenAloneMs(waitMs: number): number {
    const { least, most } = ALONE_MS;
    return waitMs <= most ? waitMs : least + (most - least) * this.random();
  }

  /** Up to 5 s, and not the same for all clients. */
  private mostWantedMs(): number {
    return MAX_WANTED_MS * (1 - DIAL_BACKOFF.jitter * this.random());
  }
}
