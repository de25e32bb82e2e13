import type { ServerResponse } from 'node:http';

import type { Clock, Timer } from '../../core/clock.ts';
import { securityHeaders } from './reply.ts';
import type { ComputeBudget } from './shared-result.ts';

/** How often a state is told, in ms. */
const EACH_MS = 800;

/** How old a state may be for one who has just come, in ms. */
const FRESH_MS = 400;

/** The same while the time to compute is spent, in ms. */
const OLD_MS = 4_000;

/** How long a browser waits before it connects again, in ms. */
const RETRY_MS = 1_000;

/** Readers at a time: each has one of the listener's connections. */
const MOST = 16;

/** Messages that one may miss in a row before its connection is given up: about 30 s. */
const MISSED = 40;

interface Message {
  readonly bytes: Buffer;
  readonly madeAtMs: number;
}

/**
 * A stream of states to whoever looks: made once for all of them, and only while there are some.
 * Who reads too slowly misses states rather than having them kept: each is whole by itself.
 */
export class LiveEvents {
  private readonly clock: Clock;
  private readonly budget: ComputeBudget;
  private readonly build: () => string;
  /** By reader, how many messages it has missed in a row. */
  private readonly readers = new Map<ServerResponse, number>();
  private last: Message | undefined = undefined;
  private id = 0;
  private timer: Timer | undefined = undefined;

  constructor(clock: Clock, budget: ComputeBudget, build: () => string) {
    this.clock = clock;
    this.budget = budget;
    this.build = build;
  }

  /** How many read. */
  get size(): number {
    return this.readers.size;
  }

  get full(): boolean {
    return this.readers.size >= MOST;
  }

  /** Answers with the stream, and the present state at once; returns how many bytes that has. */
  add(response: ServerResponse): number {
    const { bytes } = this.present();
    response.writeHead(200, {
      ...securityHeaders(),
      'Content-Type': 'text/event-stream; charset=utf-8',
      // For proxies that would collect an answer before they pass it on.
      'X-Accel-Buffering': 'no',
    });
    response.write(`retry: ${RETRY_MS}\n\n`);
    response.write(bytes);
    this.readers.set(response, 0);
    response.once('close', () => this.remove(response));
    this.arm();
    return bytes.length;
  }

  close(): void {
    this.timer?.clear();
    for (const response of this.readers.keys()) response.end();
    this.readers.clear();
  }

  private remove(response: ServerResponse): void {
    this.readers.delete(response);
    if (this.readers.size > 0) return;
    this.timer?.clear();
    this.timer = undefined;
  }

  private arm(): void {
    if (this.timer !== undefined) return;
    this.timer = this.clock.setTimer(this.clock.now() + EACH_MS, () => {
      this.timer = undefined;
      this.tell();
      this.arm();
    });
  }

  private tell(): void {
    const { bytes } = this.make();
    for (const [response, missed] of this.readers) {
      if (response.writableLength === 0) {
        this.readers.set(response, 0);
        response.write(bytes);
      } else if (missed < MISSED) {
        this.readers.set(response, missed + 1);
      } else {
        response.destroy();
      }
    }
  }

  /** One who comes asks for no more than those who are there. */
  private present(): Message {
    const { last } = this;
    if (last === undefined) return this.make();
    const ageMs = this.clock.now() - last.madeAtMs;
    return ageMs < FRESH_MS || (ageMs < OLD_MS && this.budget.spent) ? last : this.make();
  }

  private make(): Message {
    const madeAtMs = this.clock.now();
    this.id++;
    const bytes = Buffer.from(`id: ${this.id}\ndata: ${this.build()}\n\n`);
    this.budget.charge(this.clock.now() - madeAtMs);
    this.last = { bytes, madeAtMs };
    return this.last;
  }
}
