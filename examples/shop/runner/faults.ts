import { setTimeout as delay } from 'node:timers/promises';

import type { Tone } from './protocol.ts';
import type { Supervisor } from './supervisor.ts';
import type { Trouble } from './trouble.ts';

/** What is done to the shop, in this order. */
export const FAULTS = ['kill', 'drain', 'trouble', 'outage'] as const;

export type FaultKind = (typeof FAULTS)[number];

/** A fault that is due. */
export interface PlannedFault {
  readonly kind: FaultKind;
  /** The process that it strikes. */
  readonly target: string;
  /** When, in ms from the beginning of its round. */
  readonly atMs: number;
  /** How long the process stays away or ill, in ms. */
  readonly forMs: number;
}

/** A fault that was carried out. */
export interface DoneFault {
  readonly kind: FaultKind;
  readonly target: string;
  /** How it went otherwise than it should have; undefined where it did strike. */
  readonly missed: string | undefined;
}

/** Where the first fault of a round begins, and where the last is over, in ms. */
const FIRST_MS = 3_000;
const ROUND_MS = 27_000;

/** Share of its part of the round that a fault lasts. */
const LASTS: Readonly<Record<FaultKind, number>> = {
  kill: 0.4,
  drain: 0.3,
  trouble: 0.75,
  outage: 0.65,
};

/** Most calls fail, the others are far slower than what a customer is used to. */
const SLOW_AND_FAILING: Trouble = { failPercent: 70, delayMs: 250 };
const OUT_OF_ORDER: Trouble = { failPercent: 100, delayMs: 0 };

/**
 * One round: each fault once, each replica at most once until all had their turn, at times and to
 * replicas that the dice choose. `lengthMs` shortens or lengthens it as a whole.
 */
export function planRound(
  kinds: readonly FaultKind[],
  replicas: readonly string[],
  random: () => number,
  lengthMs: number = ROUND_MS,
): PlannedFault[] {
  const scale = lengthMs / ROUND_MS;
  const slotMs = (ROUND_MS - FIRST_MS) / kinds.length;
  const targets = shuffled(replicas, random);
  return kinds.map((kind, index) => ({
    kind,
    target: kind === 'outage' ? 'payments' : (targets[index % targets.length] ?? ''),
    // Each is over before the next one: two at a time would prove something else.
    atMs: scale * (FIRST_MS + slotMs * (index + 0.2 * random())),
    forMs: scale * slotMs * LASTS[kind],
  }));
}

function shuffled(list: readonly string[], random: () => number): string[] {
  return list
    .map((item) => ({ item, key: random() }))
    .toSorted((a, b) => a.key - b.key)
    .map(({ item }) => item);
}

/** Carries faults out, one after the other, and notes whether they struck. */
export class FaultDirector {
  readonly done: DoneFault[] = [];
  private readonly supervisor: Supervisor;
  private readonly struckCalls: () => number;
  private readonly say: (line: string, tone: Tone) => void;

  /** `struckCalls`: how many calls were made to fail on purpose so far. */
  constructor(
    supervisor: Supervisor,
    struckCalls: () => number,
    say: (line: string, tone: Tone) => void,
  ) {
    this.supervisor = supervisor;
    this.struckCalls = struckCalls;
    this.say = say;
  }

  /** Resolves when the last fault is over and all processes are back, or when `signal` says so. */
  async play(round: readonly PlannedFault[], signal: AbortSignal): Promise<void> {
    const startMs = performance.now();
    for (const fault of round) {
      const waitMs = Math.max(0, startMs + fault.atMs - performance.now());
      await delay(waitMs, undefined, { signal });
      const missed = await this.strike(fault, signal);
      this.done.push({ kind: fault.kind, target: fault.target, missed });
    }
  }

  private strike(fault: PlannedFault, signal: AbortSignal): Promise<string | undefined> {
    if (!this.supervisor.isUp(fault.target)) {
      return Promise.resolve(`${fault.target} was down already`);
    }
    const ways: Readonly<Record<FaultKind, () => Promise<string | undefined>>> = {
      kill: () => this.end(fault, 'SIGKILL', signal),
      drain: () => this.end(fault, 'SIGTERM', signal),
      trouble: () => this.makeIll(fault, SLOW_AND_FAILING, 'is slow and failing', signal),
      outage: () => this.makeIll(fault, OUT_OF_ORDER, 'fails every call', signal),
    };
    return ways[fault.kind]();
  }

  private async end(
    { target, forMs }: PlannedFault,
    name: 'SIGKILL' | 'SIGTERM',
    signal: AbortSignal,
  ): Promise<string | undefined> {
    const startMs = performance.now();
    this.say(`${name} ${target}${name === 'SIGTERM' ? ': it drains' : ''}`, 'bad');
    const { ended, back } = this.supervisor.end(target, name, forMs);
    const { clean, how } = await orAborted(ended, signal);
    const struck = name === 'SIGTERM' ? clean : how.includes(name);
    if (name === 'SIGTERM') {
      const seconds = ((performance.now() - startMs) / 1_000).toFixed(1);
      this.say(`${target} ${clean ? `has drained in ${seconds} s and ended` : how}`, 'plain');
    }
    await orAborted(back, signal);
    return struck ? undefined : `${target} ${how}`;
  }

  private async makeIll(
    { kind, target, forMs }: PlannedFault,
    trouble: Trouble,
    what: string,
    signal: AbortSignal,
  ): Promise<string | undefined> {
    const before = this.struckCalls();
    const seconds = (forMs / 1_000).toFixed(1);
    this.say(`${target} ${what} for ${seconds} s`, 'bad');
    this.supervisor.trouble(target, trouble, kind === 'outage' ? 'fails all' : 'slow, failing');
    try {
      await delay(forMs, undefined, { signal });
    } finally {
      this.supervisor.trouble(target, undefined, undefined);
    }
    this.say(`${target} is well again`, 'good');
    // The process tells of it with its next report.
    const deadlineMs = performance.now() + 2_000;
    while (this.struckCalls() === before && performance.now() < deadlineMs) {
      await delay(50, undefined, { signal });
    }
    return this.struckCalls() > before ? undefined : `${target} got no call meanwhile`;
  }
}

/** A promise, or the end of waiting for it. */
function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason as Error);
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
    void promise.then((value) => {
      signal.removeEventListener('abort', abort);
      resolve(value);
    });
  });
}
