import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';

import type { Clock, Timer } from '../../core/clock.ts';

/** Connections that are served at a time. */
const SERVED = 32;

/** Connections that wait for that. For each beyond, the oldest without a request is closed. */
const HELD = 96;

/** How long a connection may take for a whole request, or be without one, in ms. */
const IDLE_MS = 5_000;

/**
 * The same while others wait, in ms: who has waited has sent its request by then. All that may be
 * ahead of a newcomer are gone in about 1 s.
 */
const CROWDED_IDLE_MS = 250;

/** How long an answer may take to be made, and then to be read, in ms. */
const ANSWER_MS = 90_000;

/** How long one may take to read it while others wait, in ms. */
const CROWDED_READ_MS = 1_000;

const LOOK_EACH_MS = 1_000;
const CROWDED_LOOK_EACH_MS = 50;

/** One connection that is served. */
export interface Served {
  readonly socket: Socket;
  /** Since when it is in its state. */
  sinceMs: number;
  state: 'idle' | 'answering' | 'sending' | 'streaming';
  /** What is answered; its body may be on its way. */
  request: IncomingMessage | undefined;
}

/**
 * The connections of a listener. Some are served and some more wait unread, which costs nothing: who
 * opens connections as fast as it can is answered no faster, and gets in nobody's way. Who opens
 * them and does not ask to the end, or does not take the answer, loses them to those who do.
 */
export class Connections {
  private readonly clock: Clock;
  private readonly serve: (socket: Socket) => void;
  private readonly served = new Map<Socket, Served>();
  private readonly held = new Set<Socket>();
  private timer: Timer | undefined = undefined;
  private lookAtMs = Infinity;
  private closed = false;

  constructor(clock: Clock, serve: (socket: Socket) => void) {
    this.clock = clock;
    this.serve = serve;
  }

  /** Somebody waits for a place: who has one is to leave once it is answered. */
  get crowded(): boolean {
    return this.held.size > 0;
  }

  /** Takes a socket that nobody has read from. */
  add(socket: Socket): void {
    if (this.closed) {
      socket.destroy();
      return;
    }
    if (this.held.size >= HELD) this.closeOldest();
    socket.unref();
    // Without a listener, a reset would end the process.
    socket.on('error', () => socket.destroy());
    socket.once('close', () => this.gone(socket));
    this.held.add(socket);
    this.fill();
    this.watch();
  }

  /** A request has come. Undefined where the one before is not answered: none wait their turn. */
  begin(request: IncomingMessage): Served | undefined {
    const served = this.served.get(request.socket);
    if (served === undefined || served.state !== 'idle') return undefined;
    served.request = request;
    this.enter(served, 'answering');
    return served;
  }

  /** It goes on in another state; `idle` once its answer was taken. */
  enter(served: Served, state: Served['state']): void {
    served.state = state;
    served.sinceMs = this.clock.now();
  }

  close(): void {
    this.closed = true;
    this.timer?.clear();
    for (const socket of [...this.held, ...this.served.keys()]) socket.destroy();
  }

  private gone(socket: Socket): void {
    this.held.delete(socket);
    if (this.served.delete(socket)) this.fill();
  }

  private fill(): void {
    for (const socket of this.held) {
      if (this.closed || this.served.size >= SERVED) return;
      this.held.delete(socket);
      const sinceMs = this.clock.now();
      this.served.set(socket, { socket, sinceMs, state: 'idle', request: undefined });
      this.serve(socket);
      socket.resume();
    }
  }

  /** Of those that are idle, served ones first: their turn to ask has come. */
  private closeOldest(): void {
    let oldest: Served | undefined;
    for (const served of this.served.values()) {
      if (served.state !== 'idle') continue;
      if (oldest === undefined || served.sinceMs < oldest.sinceMs) oldest = served;
    }
    const [socket] = oldest === undefined ? this.held : [oldest.socket];
    if (socket === undefined) return;
    socket.destroy();
    this.gone(socket);
  }

  private watch(): void {
    const atMs = this.clock.now() + (this.crowded ? CROWDED_LOOK_EACH_MS : LOOK_EACH_MS);
    if (this.lookAtMs <= atMs) return;
    this.timer?.clear();
    this.lookAtMs = atMs;
    this.timer = this.clock.setTimer(atMs, () => {
      this.lookAtMs = Infinity;
      this.closeLate();
      if (!this.closed && this.served.size + this.held.size > 0) this.watch();
    });
  }

  private closeLate(): void {
    const now = this.clock.now();
    for (const served of this.served.values()) {
      if (now - served.sinceMs > this.limitMs(served)) served.socket.destroy();
    }
  }

  private limitMs({ state, request }: Served): number {
    if (state === 'streaming') return Infinity;
    if (state === 'sending') return this.crowded ? CROWDED_READ_MS : ANSWER_MS;
    if (state === 'answering' && request?.complete === true) return ANSWER_MS;
    return this.crowded ? CROWDED_IDLE_MS : IDLE_MS;
  }
}
