import type { ServerResponse } from 'node:http';

import type { Clock, Timer } from '../../core/clock.ts';
import { securityHeaders } from './reply.ts';

/** How often a state is told, in ms: less often, to the second figure, while states are expensive. */
const EACH_MS = 800;
const MOST_EACH_MS = 2_000;

/** There are this many times as long as a state took to make between it and the next. */
const APART = 50;

/** How old a state may be for one who has just come, in ms. */
const FRESH_MS = 1_000;

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
  private readonly build: () => string;
  private readonly failed: (error: unknown) => void;
  /** By reader, how many messages it has missed in a row. */
  private readonly readers = new Map<ServerResponse, number>();
  private last: Message | undefined = undefined;
  private id = 0;
  private eachMs = EACH_MS;
  private costMs = 0;
  private failing = false;
  private timer: Timer | undefined = undefined;

  /** `failed` is told once of states that cannot be made, until one is made again. */
  constructor(clock: Clock, build: () => string, failed: (error: unknown) => void) {
    this.clock = clock;
    this.build = build;
    this.failed = failed;
  }

  /** How many read. */
  get size(): number {
    return this.readers.size;
  }

  get full(): boolean {
    return this.readers.size >= MOST;
  }

  /**
   * Answers with the stream, and the present state at once; returns how many bytes that has. Throws
   * where there is no state to be had, and has answered nothing then.
   */
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
    this.timer = this.clock.setTimer(this.clock.now() + this.eachMs, () => {
      this.timer = undefined;
      this.tell();
      if (this.readers.size > 0) this.arm();
    });
  }

  private tell(): void {
    const message = this.tryMake();
    if (message === undefined) return;
    const { bytes } = message;
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
    const { last, eachMs } = this;
    if (last === undefined) return this.make();
    const ageMs = this.clock.now() - last.madeAtMs;
    return ageMs < Math.min(FRESH_MS, eachMs) ? last : this.make();
  }

  /** Nobody catches what a timer throws: without open files, for one, memory cannot be read. */
  private tryMake(): Message | undefined {
    try {
      const message = this.make();
      this.failing = false;
      return message;
    } catch (error) {
      if (!this.failing) this.failed(error);
      this.failing = true;
      return undefined;
    }
  }

  private make(): Message {
    const madeAtMs = this.clock.now();
    this.id++;
    const bytes = Buffer.from(`id: ${this.id}\ndata: ${this.build()}\n\n`);
    const costMs = this.clock.now() - madeAtMs;
    // The lesser of two: the first one, or one with a collection in it, says little.
    const usualMs = Math.min(costMs, this.costMs);
    this.costMs = costMs;
    this.eachMs = Math.min(MOST_EACH_MS, Math.max(EACH_MS, usualMs * APART));
    this.last = { bytes, madeAtMs };
    return this.last;
  }
}
