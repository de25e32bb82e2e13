import type { Socket } from 'node:net';

import type { Clock, Timer } from '../../core/clock.ts';

/** Connections that are served at a time. */
const SERVED = 32;

/** Connections that wait for that. What comes beyond is closed. */
const HELD = 96;

/** How long a connection may take for a whole request, or be without one, in ms. */
const IDLE_MS = 5_000;

/** How long an answer may take, the reader's time included, in ms. */
const ANSWER_MS = 90_000;

const LOOK_EACH_MS = 1_000;

/** One connection that is served. */
export interface Served {
  readonly socket: Socket;
  /** Since when it waits for a request, or for an answer. */
  sinceMs: number;
  state: 'idle' | 'answering' | 'streaming';
}

/**
 * The connections of a listener. Some are served and some more wait unread, which costs nothing: who
 * opens connections as fast as it can is answered no faster, and gets in nobody's way.
 */
export class Connections {
  private readonly clock: Clock;
  private readonly serve: (socket: Socket) => void;
  private readonly served = new Map<Socket, Served>();
  private readonly held = new Set<Socket>();
  private timer: Timer | undefined = undefined;
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
    if (this.closed || this.held.size >= HELD) {
      socket.destroy();
      return;
    }
    socket.unref();
    // Without a listener, a reset would end the process.
    socket.on('error', () => socket.destroy());
    socket.once('close', () => this.gone(socket));
    this.held.add(socket);
    this.fill();
    this.watch();
  }

  /** A request has come. Undefined where the one before is not answered: none wait their turn. */
  begin(socket: Socket): Served | undefined {
    const served = this.served.get(socket);
    if (served === undefined || served.state !== 'idle') return undefined;
    served.state = 'answering';
    served.sinceMs = this.clock.now();
    return served;
  }

  /** It was answered. */
  end(served: Served): void {
    served.state = 'idle';
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
      this.served.set(socket, { socket, sinceMs: this.clock.now(), state: 'idle' });
      this.serve(socket);
      socket.resume();
    }
  }

  private watch(): void {
    if (this.timer !== undefined) return;
    this.timer = this.clock.setTimer(this.clock.now() + LOOK_EACH_MS, () => {
      this.timer = undefined;
      this.closeLate();
      if (!this.closed && this.served.size + this.held.size > 0) this.watch();
    });
  }

  private closeLate(): void {
    const now = this.clock.now();
    for (const { socket, state, sinceMs } of this.served.values()) {
      const limitMs = { idle: IDLE_MS, answering: ANSWER_MS, streaming: Infinity }[state];
      if (now - sinceMs > limitMs) socket.destroy();
    }
  }
}
