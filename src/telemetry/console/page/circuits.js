// @ts-check
// Breakers drawn as circuits, with the last five minutes of each.
import { el, Keyed, place, Section, setAttr, setCut, setText, ShowAll, svg } from './dom.js';
import { formatCount, formatSpan, matches } from './format.js';

/** @typedef {import('../console-state.ts').CircuitRow} CircuitRow */
/** @typedef {CircuitRow['state']} State */

const SPAN_S = 300;
const ORDER = { open: 0, half_open: 1, closed: 2 };
const WORDS = { open: 'open', half_open: 'half-open', closed: 'closed' };
/** How high a state stands in the timeline: it is told by more than its colour. */
const HEIGHTS = { open: 12, half_open: 7, closed: 2 };
const STATES = /** @type {const} */ (['closed', 'half_open', 'open']);

/** @extends {Section<CircuitRow>} */
export class Circuits extends Section {
  constructor() {
    super();
    const list = place('circuits-list');
    this.few = new ShowAll(5, 'circuits', () => this.draw());
    list.after(this.few.button);
    this.keyed = new Keyed(list, circuitKey, makeCircuit);
  }

  /** @override */
  draw() {
    const found = this.rows.filter((row) => matches(this.words, circuitKey(row)));
    const ordered = found.toSorted(
      (a, b) =>
        ORDER[a.state] - ORDER[b.state] ||
        lastChange(a) - lastChange(b) ||
        (circuitKey(a) < circuitKey(b) ? -1 : 1),
    );
    this.keyed.show(this.few.cut(ordered));
    const count = String(found.length);
    this.tellCount('circuits', found.length, count, 'No method here has a breaker yet.');
  }
}

/** @param {CircuitRow} row */
function circuitKey(row) {
  return `${row.target} ${row.service}/${row.method}`;
}

/**
 * Rounded, so that rows do not change places for a second's difference.
 * @param {CircuitRow} row
 */
function lastChange(row) {
  const ago = row.changes.at(-1)?.agoMs;
  return ago === undefined || ago > SPAN_S * 1000 ? SPAN_S : Math.floor(ago / 60_000);
}

/** A switch between two contacts. */
function makeSymbol() {
  return svg(
    'svg',
    { class: 'switch', viewBox: '0 0 48 24', 'aria-hidden': 'true' },
    svg('path', { class: 'wire', d: 'M0 16H12M36 16H48' }),
    svg('path', { class: 'blade', d: 'M13 16H35' }),
    svg('circle', { cx: '13', cy: '16', r: '3' }),
    svg('circle', { cx: '35', cy: '16', r: '3' }),
  );
}

/**
 * @param {CircuitRow} made
 * @returns {import('./dom.js').Row<CircuitRow>}
 */
function makeCircuit({ target, service, method }) {
  const state = el('span', { class: 'state' });
  const counts = el('span', { class: 'dim' });
  const paths = STATES.map((name) => svg('path', { class: name }));
  const label = 'the last five minutes: low is closed, half is half-open, high is open';
  const timeline = svg(
    'svg',
    {
      class: 'timeline',
      viewBox: `0 0 ${SPAN_S} 12`,
      preserveAspectRatio: 'none',
      role: 'img',
      'aria-label': label,
    },
    ...paths,
  );
  const name = el(
    'span',
    { class: 'cut' },
    el('b', {}, method),
    ' ',
    el('span', { class: 'dim' }, service),
  );
  name.title = `${service}/${method} at ${target}`;
  const root = el(
    'li',
    {},
    makeSymbol(),
    el('div', { class: 'line' }, name, state),
    timeline,
    el('div', { class: 'line small' }, counts),
  );
  return {
    root,
    fill: (row) => {
      setAttr(root, 'class', `circuit ${row.state}`);
      const probe = row.nextProbeInMs;
      const wait =
        row.state !== 'open' || probe === null ? '' : `, probe in ${formatSpan(probe + 999)}`;
      setText(state, WORDS[row.state] + wait);
      const opened =
        row.timesOpened === 0 ? 'never opened' : `opened ${formatCount(row.timesOpened)}×`;
      const window = `${formatCount(row.failures)} of ${formatCount(row.calls)} failed in its window`;
      setCut(counts, `${row.state === 'closed' ? `${window} · ` : ''}${opened} · ${target}`);
      const lines = timelinePaths(row);
      for (const [i, path] of paths.entries()) setAttr(path, 'd', lines[STATES[i] ?? 'closed']);
    },
  };
}

/**
 * A bar for each stretch of time in one state; it began closed.
 * @param {CircuitRow} row
 */
function timelinePaths(row) {
  const paths = { closed: '', half_open: '', open: '' };
  let from = 0;
  /** @type {State} */
  let is = 'closed';
  /** @type {(until: number) => void} */
  const close = (until) => {
    const top = 12 - HEIGHTS[is];
    if (until > from) paths[is] += `M${from} 12V${top}H${until}V12z`;
    from = Math.max(from, until);
  };
  for (const { state, agoMs } of row.changes) {
    close(Math.round(SPAN_S - agoMs / 1000));
    is = state;
  }
  // What is open for less than a second is seen, too.
  if (is !== 'closed') from = Math.min(from, SPAN_S - 2);
  close(SPAN_S);
  return paths;
}
