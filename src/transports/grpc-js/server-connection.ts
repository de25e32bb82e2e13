import type { ServerHttp2Session } from 'node:http2';
import { constants } from 'node:http2';

import type { Timer } from '../../core/clock.ts';
import type { ListenOptions } from '../../core/transport.ts';
import type { Caller } from './peer.ts';
import { callerOf } from './peer.ts';

/** Largest GOAWAY stream id: "no new streams please, those under way are still served". */
const MAX_STREAM_ID = 2 ** 31 - 1;

/** How long a peer has to answer the PING between the two GOAWAYs, in ms. */
const GOODBYE_MS = 1_000;

/** Share of the maximum age by which connections differ, both ways (A9). */
const AGE_JITTER = 0.1;

/** One accepted connection: who is at its other end, its calls, its age, and its end. */
export class ServerConnection {
  private readonly session: ServerHttp2Session;
  private readonly options: ListenOptions;
  private known: Caller | undefined = undefined;
  private calls = 0;
  private idleSinceMs: number;
  private idleTimer: Timer | undefined = undefined;
  private ageTimer: Timer | undefined = undefined;
  private goodbye: Promise<void> | undefined = undefined;
  /** Says the second GOAWAY, between the two. */
  private leave: (() => void) | undefined = undefined;

  constructor(session: ServerHttp2Session, options: ListenOptions) {
    this.session = session;
    this.options = options;
    const { clock, random } = options.runtime;
    const { maxAgeMs } = options.connections;
    const jitter = 1 + (2 * random() - 1) * AGE_JITTER;
    this.idleSinceMs = clock.now();
    this.ageTimer = this.timerIn(maxAgeMs * jitter, () => this.retire());
    this.watchIdle();
    session.once('close', () => {
      this.idleTimer?.clear();
      this.ageTimer?.clear();
    });
  }

  /** Who calls; found out with the first call, when TLS has said it all. */
  get caller(): Caller {
    this.known ??= callerOf(this.session.socket);
    return this.known;
  }

  /** True while calls are open. */
  get busy(): boolean {
    return this.calls > 0;
  }

  callStarted(): void {
    this.calls++;
  }

  callEnded(): void {
    this.calls--;
    if (this.calls > 0) return;
    this.idleSinceMs = this.options.runtime.clock.now();
    this.leave?.();
  }

  /**
   * GOAWAY(2³¹−1), a PING to know that it arrived, GOAWAY(last id) (RFC 9113, section 6.8).
   * Resolves at the second one, which tells the peer what it sent too late to be served: its
   * clients send that elsewhere.
   *
   * It cannot be served, as the RFC would have it: nghttp2 takes no stream any more once Node has
   * it say GOAWAY. Without a call it does not even read, so that no PING would be answered: the
   * second follows at once then.
   */
  sayGoodbye(): Promise<void> {
    this.goodbye ??= this.twoGoaways();
    return this.goodbye;
  }

  private twoGoaways(): Promise<void> {
    const { session } = this;
    if (session.destroyed || session.closed) return Promise.resolve();
    return new Promise((resolve) => {
      // A peer that is going away itself answers no ping.
      const timer = this.timerIn(GOODBYE_MS, () => this.leave?.());
      this.leave = () => {
        this.leave = undefined;
        timer?.clear();
        session.close();
        resolve();
      };
      session.once('close', () => this.leave?.());
      session.goaway(constants.NGHTTP2_NO_ERROR, MAX_STREAM_ID);
      // In the same turn nghttp2 would send the PING first.
      if (this.busy) setImmediate(() => this.ping());
      else this.leave();
    });
  }

  private ping(): void {
    if (this.leave !== undefined) this.session.ping(() => this.leave?.());
  }

  /** Old enough: its calls may finish, then it is cut off. */
  private retire(): void {
    void this.sayGoodbye();
    const { ageGraceMs } = this.options.connections;
    this.ageTimer = this.timerIn(ageGraceMs, () => this.session.destroy());
  }

  private watchIdle(): void {
    const { idleMs, ageGraceMs } = this.options.connections;
    const { clock } = this.options.runtime;
    // One timer that looks now and then: no call has to set or clear one.
    const sinceMs = this.busy ? clock.now() : this.idleSinceMs;
    this.idleTimer = this.timerIn(sinceMs + idleMs - clock.now(), () => {
      if (this.busy || clock.now() - this.idleSinceMs < idleMs) {
        this.watchIdle();
        return;
      }
      // A call that is on its way now is above the last id: its client sends it again elsewhere.
      this.session.close();
      this.idleTimer = this.timerIn(ageGraceMs, () => this.session.destroy());
    });
  }

  private timerIn(ms: number, callback: () => void): Timer | undefined {
    const { clock } = this.options.runtime;
    return ms === Number.POSITIVE_INFINITY ? undefined : clock.setTimer(clock.now() + ms, callback);
  }
}
