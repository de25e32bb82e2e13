import { AsyncLocalStorage } from 'node:async_hooks';

import { Metadata } from 'nice-grpc-common';

import type { Clock } from '../core/clock.ts';
import { createSystemClock } from '../core/clock.ts';
import type { CallCredentials } from '../core/credentials.ts';
import { describe } from '../core/errors.ts';
import type { BackoffOptions } from '../policies/backoff.ts';
import { backoffMs } from '../policies/backoff.ts';

/** A token, as its source gives it. */
export interface BearerToken {
  /** Without the word Bearer. */
  readonly token: string;
  /** When it expires, in ms since 1970; left out when that is not known. */
  readonly expiresAtMs?: number;
}

/**
 * Gets a new token. `signal` is aborted when it takes longer than `timeoutMs`. Runs outside of the
 * calls that wait for it, for they share what it gets.
 */
export type TokenSource = (
  signal: AbortSignal,
) => BearerToken | string | Promise<BearerToken | string>;

export interface BearerOptions {
  /**
   * How long before its expiry a token is renewed, in ms, but not before half of its life is over.
   * Default 60 000 (gRFC A83).
   */
  readonly refreshAheadMs?: number;
  /** After how long a token is renewed whose expiry is not known, in ms. Default 300 000. */
  readonly refreshAfterMs?: number;
  /** How long the source may take, in ms. Default 10 000. */
  readonly timeoutMs?: number;
  /** The wall clock that expiry is measured by, in ms since 1970. Default `Date.now`. */
  readonly nowMs?: () => number;
  /** For the timeout, and the pauses after failures. Default the process's own. */
  readonly clock?: Clock;
  /** Uniform in [0, 1): spreads the pauses. Default `Math.random`. */
  readonly random?: () => number;
}

/** Between two tries of a source that fails: no faster, and no slower while calls want a token. */
const RETRY_BACKOFF: BackoffOptions = {
  initialMs: 1_000,
  multiplier: 1.6,
  maxMs: 5_000,
  jitter: 0.2,
};

/**
 * Sends `authorization: Bearer …` with each call (RFC 6750), over encrypted connections only. The
 * token is asked for with the first call and renewed ahead of its expiry, by one request of the
 * source that all calls share; a call waits only where no valid token is there.
 *
 * While the source fails, a token that is still valid stays in use; without one, calls fail with
 * UNAUTHENTICATED and what the source said, and it is asked again after a pause.
 */
export function bearer(source: TokenSource, options: BearerOptions = {}): CallCredentials {
  const tokens = new Tokens(source, options);
  return {
    metadata: async () => Metadata({ authorization: `Bearer ${await tokens.get()}` }),
  };
}

interface HeldToken {
  readonly token: string;
  readonly refreshAtMs: number;
  readonly expiresAtMs: number;
}

class Tokens {
  private readonly source: TokenSource;
  private readonly refreshAheadMs: number;
  private readonly refreshAfterMs: number;
  private readonly timeoutMs: number;
  private readonly nowMs: () => number;
  private readonly clock: Clock;
  private readonly random: () => number;
  /** Leaves whatever call happens to ask: its deadline is not the others'. */
  private readonly outside = AsyncLocalStorage.snapshot();
  private held: HeldToken | undefined = undefined;
  private refreshing: Promise<HeldToken> | undefined = undefined;
  private failures = 0;
  private failure: Error | undefined = undefined;
  private retryAtMs = Number.NEGATIVE_INFINITY;

  constructor(source: TokenSource, options: BearerOptions) {
    this.source = source;
    this.refreshAheadMs = options.refreshAheadMs ?? 60_000;
    this.refreshAfterMs = options.refreshAfterMs ?? 300_000;
    this.timeoutMs = options.timeoutMs ?? 10_000;
    this.nowMs = options.nowMs ?? Date.now;
    this.clock = options.clock ?? createSystemClock();
    this.random = options.random ?? Math.random;
  }

  async get(): Promise<string> {
    const { held } = this;
    const now = this.nowMs();
    if (held === undefined || now >= held.expiresAtMs) return (await this.refresh()).token;
    // A failure is not told while the token is good.
    if (now >= held.refreshAtMs) this.refresh().catch(() => undefined);
    return held.token;
  }

  private refresh(): Promise<HeldToken> {
    if (this.refreshing !== undefined) return this.refreshing;
    if (this.failure !== undefined && this.clock.now() < this.retryAtMs) {
      return Promise.reject(this.failure);
    }
    this.refreshing = this.ask().finally(() => {
      this.refreshing = undefined;
    });
    return this.refreshing;
  }

  private async ask(): Promise<HeldToken> {
    try {
      const held = this.hold(await this.askSource());
      this.held = held;
      this.failures = 0;
      this.failure = undefined;
      return held;
    } catch (error) {
      const failure = new Error(`the token source failed: ${describe(error)}`, { cause: error });
      this.failure = failure;
      this.retryAtMs = this.clock.now() + backoffMs(RETRY_BACKOFF, this.failures, this.random);
      this.failures++;
      throw failure;
    }
  }

  private askSource(): Promise<BearerToken | string> {
    const { clock, source, timeoutMs } = this;
    const controller = new AbortController();
    return new Promise((resolve, reject) => {
      const timer = clock.setTimer(clock.now() + timeoutMs, () => {
        const error = new Error(`it gave no token within ${timeoutMs} ms`);
        controller.abort(error);
        reject(error);
      });
      this.outside(async () => source(controller.signal))
        .then(resolve, reject)
        .finally(() => timer.clear());
    });
  }

  /** Checks what the source gave. Its errors must not repeat the token: they end up in logs. */
  private hold(given: BearerToken | string): HeldToken {
    const { token, expiresAtMs } = typeof given === 'string' ? { token: given } : given;
    if (typeof token !== 'string' || !/^[\w.~+/-]+=*$/.test(token)) {
      throw new Error('its token is empty or holds what no token may (a space, a line break)');
    }
    const now = this.nowMs();
    if (expiresAtMs === undefined) {
      return {
        token,
        refreshAtMs: now + this.refreshAfterMs,
        expiresAtMs: Number.POSITIVE_INFINITY,
      };
    }
    const leftMs = expiresAtMs - now;
    if (!(leftMs > 0)) throw new Error('its token has expired already (expiresAtMs, since 1970)');
    return {
      token,
      refreshAtMs: expiresAtMs - Math.min(this.refreshAheadMs, leftMs / 2),
      expiresAtMs,
    };
  }
}
