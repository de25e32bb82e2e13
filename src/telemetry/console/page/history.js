// @ts-check
// The last minute of numbers that only grow, as changes a second. Kept in the page alone.

/** @typedef {import('../console-state.ts').ConsoleState} ConsoleState */
/** Since the state before: how long, and how many whole seconds began. */
/** @typedef {{ readonly seconds: number, readonly shift: number }} Passed */

export const SECONDS = 60;
/** States that come closer than this to the last one are left out of the charts. */
const LEAST_MS = 500;

/** One value a second, newest last; NaN where nothing was seen. */
export class Series {
  values = new Float32Array(SECONDS).fill(Number.NaN);

  /**
   * @param {number} value
   * @param {number} shift Seconds since the value before; what lies between stays empty.
   */
  push(value, shift) {
    const at = SECONDS - 1;
    if (shift === 0) {
      // A second value of one second.
      const old = this.values[at] ?? Number.NaN;
      this.values[at] = Number.isNaN(old) ? value : (old + value) / 2;
      return;
    }
    const by = Math.min(SECONDS, shift);
    this.values.copyWithin(0, by);
    // Two seconds may lie between states that come one a second; more is a gap.
    this.values.fill(by === 2 ? value : Number.NaN, SECONDS - by);
    this.values[at] = value;
  }
}

/** A count that only grows, as its change a second. */
export class Counter extends Series {
  last = -1;

  /**
   * @param {number} total
   * @param {Passed} passed
   * @param {number} atFirst What to take for the change while only one total is known.
   */
  count(total, passed, atFirst) {
    const known = this.last >= 0 && total >= this.last;
    const change = known ? (total - this.last) / passed.seconds : atFirst;
    this.last = total;
    this.push(change, passed.shift);
    return change;
  }
}

export class MethodHistory {
  calls = new Counter();
  failures = new Counter();
}

/** Everything that is drawn over time. */
export class History {
  at = 0;
  served = new Series();
  called = new Series();
  lag = new Series();
  heap = new Series();
  /** @type {Map<string, MethodHistory>} */
  methods = new Map();
  /** @type {Map<string, Counter>} */
  picks = new Map();

  /**
   * @param {ConsoleState} state
   * @param {(row: import('../console-state.ts').MethodRow) => string} keyOf
   */
  record(state, keyOf) {
    // Over too short a time, one call would look like a flood of them.
    const since = state.at - this.at;
    if (since >= 0 && since < LEAST_MS) return;
    const passed = this.pass(state.at);
    const rates = { server: 0, client: 0 };
    this.methods = kept(this.methods, state.methods, keyOf, () => new MethodHistory());
    for (const row of state.methods) {
      const method = this.methods.get(keyOf(row));
      if (method === undefined) continue;
      rates[row.side] += method.calls.count(row.calls, passed, row.rate);
      method.failures.count(row.failures, passed, (1 - (row.success ?? 1)) * row.rate);
    }
    const endpoints = state.channels.flatMap(({ target, endpoints: all }) =>
      all.map(({ address, picks }) => ({ key: endpointKey(target, address), picks })),
    );
    this.picks = kept(
      this.picks,
      endpoints,
      ({ key }) => key,
      () => new Counter(),
    );
    for (const { key, picks } of endpoints) this.picks.get(key)?.count(picks, passed, 0);
    this.served.push(rates.server, passed.shift);
    this.called.push(rates.client, passed.shift);
    this.lag.push(state.process.loopLagMs ?? Number.NaN, passed.shift);
    this.heap.push(state.process.heapBytes, passed.shift);
  }

  /**
   * @param {number} at
   * @returns {Passed}
   */
  pass(at) {
    const before = this.at;
    this.at = at;
    // A clock that was set back, or the first state.
    if (before === 0 || at <= before) return { seconds: 1, shift: 1 };
    const shift = Math.floor(at / 1000) - Math.floor(before / 1000);
    return { seconds: (at - before) / 1000, shift };
  }
}

/**
 * @param {string} target
 * @param {string} address
 */
export function endpointKey(target, address) {
  return `${target} ${address}`;
}

/**
 * What is still there keeps its past; what is gone is forgotten.
 * @template T, V
 * @param {Map<string, V>} old
 * @param {readonly T[]} items
 * @param {(item: T) => string} keyOf
 * @param {() => V} make
 */
function kept(old, items, keyOf, make) {
  if (items.length === old.size && items.every((item) => old.has(keyOf(item)))) return old;
  /** @type {Map<string, V>} */
  const next = new Map();
  for (const item of items) next.set(keyOf(item), old.get(keyOf(item)) ?? make());
  return next;
}
