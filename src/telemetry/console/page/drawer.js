// @ts-check
// One method in detail: its numbers, how its calls ended, and the policy that holds with its sources.
import { bar, byId, el, Keyed, place, setAttr, setBar, setCut, setText } from './dom.js';
import { formatCount, formatMs, formatRate, formatShare } from './format.js';
import { keyOf } from './order.js';
import { sideTag } from './methods.js';
import { Spark } from './spark.js';
import { getJson } from './stream.js';

/** @typedef {import('../console-state.ts').ConsoleState} ConsoleState */
/** @typedef {import('../console-state.ts').MethodRow} MethodRow */
/** @typedef {import('../console-state.ts').PolicyRow} PolicyRow */
/** @typedef {{ readonly name: string, readonly count: number, readonly share: number }} Code */

const SHAPES = {
  unary: 'unary',
  client_stream: 'client stream',
  server_stream: 'server stream',
  bidi_stream: 'stream both ways',
};

export class Drawer {
  root = place('drawer');
  stats = place('drawer-stats');
  policy = place('drawer-policy');
  tryIt = byId('drawer-try', HTMLButtonElement);
  spark = new Spark('calls and failures of the last minute');
  /** @type {Keyed<readonly [string, string]>} */
  numbers = new Keyed(this.stats, ([name]) => name, makeStat);
  /** @type {Keyed<Code>} */
  codes = new Keyed(place('drawer-codes'), ({ name }) => name, makeCode);
  /** @type {string | undefined} */
  key = undefined;
  /** @type {ConsoleState | undefined} */
  state = undefined;

  /**
   * @param {import('./history.js').History} history
   * @param {{ closed(): void, tryIt(service: string, method: string): void }} on
   */
  constructor(history, on) {
    this.history = history;
    this.on = on;
    place('drawer-chart').prepend(this.spark.root);
    byId('drawer-close', HTMLButtonElement).addEventListener('click', () => this.close());
    this.tryIt.addEventListener('click', () => {
      const row = this.row();
      if (row === undefined) return;
      this.close();
      on.tryIt(row.service, row.method);
    });
  }

  get isOpen() {
    return this.key !== undefined;
  }

  /**
   * @param {string} key
   * @param {boolean} focus
   */
  open(key, focus) {
    this.key = key;
    this.root.hidden = false;
    const row = this.row();
    if (row === undefined) return;
    setText(place('drawer-method'), row.method);
    setCut(place('drawer-service'), row.service);
    place('drawer-side').replaceChildren(sideTag(row.side), ` ${SHAPES[row.type]}`);
    this.draw();
    void this.showPolicy(row);
    if (focus) byId('drawer-close', HTMLButtonElement).focus();
  }

  close() {
    if (!this.isOpen) return;
    this.key = undefined;
    this.root.hidden = true;
    this.on.closed();
  }

  row() {
    return this.state?.methods.find((row) => keyOf(row) === this.key);
  }

  /** @param {ConsoleState} state */
  update(state) {
    this.state = state;
    if (this.isOpen) this.draw();
  }

  draw() {
    const row = this.row();
    setText(place('drawer-gone'), row === undefined ? 'It is no longer there.' : '');
    if (row === undefined) return;
    const past = this.history.methods.get(keyOf(row));
    const top = past === undefined ? 0 : this.spark.draw(past.calls.values, past.failures.values);
    setText(place('drawer-top'), `at most ${formatRate(top)}/s`);
    /** @type {(readonly [string, string])[]} */
    const numbers = [
      ['Calls/s', formatRate(row.rate)],
      ['Success', formatShare(row.success)],
      ['In flight', formatCount(row.inFlight)],
      ['p50 ms', formatMs(row.p50)],
      ['p95 ms', formatMs(row.p95)],
      ['p99 ms', formatMs(row.p99)],
      ['Calls', formatCount(row.calls)],
      ['Failures', formatCount(row.failures)],
    ];
    if (row.side === 'client') {
      numbers.push(['Retries/s', formatRate(row.retryRate)], ['Retries', formatCount(row.retries)]);
      numbers.push(['Hedges', formatCount(row.hedges)], ['Circuit', this.circuitOf(row)]);
    }
    this.numbers.show(numbers);
    const counts = Object.entries(row.codes).filter(([, count]) => count > 0);
    const all = counts.reduce((sum, [, count]) => sum + count, 0);
    const codes = counts.map(([name, count]) => ({ name, count, share: count / all }));
    this.codes.show(codes.toSorted((a, b) => b.count - a.count));
    this.tryIt.hidden = row.side !== 'server' || this.state?.process.invoke !== true;
  }

  /** @param {MethodRow} row */
  circuitOf({ service, method }) {
    const circuits = this.state?.circuits ?? [];
    const own = circuits.filter((each) => each.service === service && each.method === method);
    if (own.length === 0) return 'none';
    if (own.some(({ state }) => state === 'open')) return 'open';
    return own.some(({ state }) => state === 'half_open') ? 'half-open' : 'closed';
  }

  /** @param {MethodRow} row */
  async showPolicy({ side, service, method }) {
    const key = this.key;
    if (side === 'server') {
      this.policy.replaceChildren(
        el('p', { class: 'none' }, 'Policies are of clients: see the client side of this method.'),
      );
      return;
    }
    this.policy.replaceChildren(el('p', { class: 'none' }, 'Loading…'));
    /** @type {Node[]} */
    let parts;
    try {
      const rows = /** @type {PolicyRow[]} */ (await getJson('policy'));
      const own = rows.filter((each) => each.service === service && each.method === method);
      parts = own.map(policyTable);
      if (own.length === 0)
        parts = [el('p', { class: 'none' }, 'No client that has it is open now.')];
    } catch (error) {
      parts = [el('p', { class: 'error' }, `✕ The policy could not be had: ${String(error)}`)];
    }
    if (this.key === key) this.policy.replaceChildren(...parts);
  }
}

/**
 * @param {unknown} value
 * @returns {string}
 */
function valueText(value) {
  if (value === null || value === undefined) return 'off';
  if (Array.isArray(value)) return value.map(valueText).join(', ');
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** @param {PolicyRow} row */
function policyTable({ target, values }) {
  const lines = values.map(({ key, value, source }) => {
    const origin = source.split('.')[0] ?? source;
    const kind = ['default', 'contract', 'code', 'file'].includes(origin) ? origin : 'other';
    const tag = el('span', { class: `tag ${kind}`, title: `from: ${source}` }, source);
    const cells = [
      el('th', { scope: 'row' }, key),
      el('td', { class: 'value' }, valueText(value)),
      el('td', {}, tag),
    ];
    return el('tr', { class: `from-${kind}` }, ...cells);
  });
  const caption = el('caption', { class: 'cut', title: target }, target);
  return el('table', { class: 'policy' }, caption, el('tbody', {}, ...lines));
}

/**
 * @param {readonly [string, string]} made
 * @returns {import('./dom.js').Row<readonly [string, string]>}
 */
function makeStat([name]) {
  const value = el('dd');
  return {
    root: el('div', {}, el('dt', {}, name), value),
    fill: ([, text]) => setCut(value, text),
  };
}

/**
 * @param {Code} made
 * @returns {import('./dom.js').Row<Code>}
 */
function makeCode({ name }) {
  const share = bar();
  const count = el('span', { class: 'num' });
  const root = el(
    'li',
    { class: name === 'OK' ? 'ok' : 'bad' },
    el('span', {}, name),
    share,
    count,
  );
  return {
    root,
    fill: (code) => {
      setText(count, formatCount(code.count));
      setAttr(count, 'title', formatShare(code.share));
      setBar(share, Math.max(0.01, code.share));
    },
  };
}
