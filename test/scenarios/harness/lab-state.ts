import { appendFileSync } from 'node:fs';

import { type Runtime, Status } from '../../../src/index.ts';
import { seededRandom } from '../../../src/testing/index.ts';
import { nowMs } from './monotonic.ts';
import type { ServerCounts } from './protocol.ts';
import type { Behaviour, ServerSpec, UnaryMethod } from './specs.ts';

/** What the lab does to a call, whichever server runs it. */
export interface Fate {
  readonly delayMs: number;
  /** Set for a call that is to fail. */
  readonly status: Status | undefined;
}

/** How one server behaves and what it has seen: the same for every library that serves. */
export class LabState {
  readonly spec: ServerSpec;
  behaviour: Behaviour;
  private readonly random: () => number;
  private readonly arrivals: Record<string, number[]> = {};
  private readonly accepted: number[] = [];
  private readonly relays: { startedMs: number; overMs: number }[] = [];

  constructor(spec: ServerSpec) {
    this.spec = spec;
    this.behaviour = spec.behaviour;
    this.random = seededRandom(spec.seed);
  }

  /** Counts a call that has reached its handler, and says what is to become of it. */
  arrived(method: UnaryMethod | 'follow'): Fate {
    (this.arrivals[method] ??= []).push(nowMs());
    const { delayMs, fail = {} } = this.behaviour;
    const name = method === 'follow' ? undefined : fail[method];
    return {
      delayMs: delayMs * (0.5 + this.random()),
      status: name === undefined ? undefined : Status[name],
    };
  }

  /** Written at once: a server that is killed in the middle of a call has still run it. */
  journal(id: string): void {
    appendFileSync(this.spec.journal, `${id}\n`);
  }

  connectionAccepted(): void {
    this.accepted.push(nowMs());
  }

  relayed(startedMs: number, overMs: number): void {
    this.relays.push({ startedMs, overMs });
  }

  counts(): ServerCounts {
    const { arrivals, accepted, relays } = this;
    return { name: this.spec.name, arrivals, accepted, relays };
  }
}

/** A clock that jumps with the wall clock: the mistake that deadlines must not be built on. */
export function wallClock(): Runtime['clock'] {
  return {
    now: () => Date.now(),
    setTimer(atMs, callback) {
      // Looked at again and again, as whoever asks `Date.now() > deadline` does.
      const timer = setInterval(() => {
        if (Date.now() < atMs) return;
        clearInterval(timer);
        callback();
      }, 5);
      return { clear: () => clearInterval(timer) };
    },
  };
}
