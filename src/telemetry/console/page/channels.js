// @ts-check
// Channels and the endpoints behind them.
import {
  bar,
  el,
  Keyed,
  place,
  Section,
  setAttr,
  setBar,
  setCut,
  setText,
  ShowAll,
} from './dom.js';
import { formatCount, formatMs, formatRate, formatSpan, matches, plural } from './format.js';
import { endpointKey } from './history.js';

/** @typedef {import('../console-state.ts').ChannelRow} ChannelRow */
/** @typedef {import('../console-state.ts').EndpointRow} EndpointRow */
/** @typedef {import('./history.js').History} History */
/** @typedef {{ readonly row: EndpointRow, readonly rate: number, readonly most: Most }} Shown */
/** The largest of a channel, which fills a bar. @typedef {{ inFlight: number, latencyMs: number }} Most */

/** @type {Readonly<Record<string, string>>} */
const GLYPHS = {
  ready: '●',
  connecting: '◌',
  idle: '○',
  unhealthy: '▲',
  backoff: '✕',
  ejected: '✕',
};

/** @typedef {ChannelRow & { readonly nth: number }} Numbered */

/** @extends {Section<ChannelRow>} */
export class Channels extends Section {
  /** @param {History} history */
  constructor(history) {
    super();
    const list = place('channels-list');
    this.few = new ShowAll(6, 'channels', () => this.draw());
    list.after(this.few.button);
    this.keyed = new Keyed(
      list,
      (/** @type {Numbered} */ { target, nth }) => `${nth} ${target}`,
      () => new ChannelCard(history, () => this.draw()),
    );
  }

  /** @override */
  draw() {
    /** @type {Map<string, number>} */
    const seen = new Map();
    const found = this.rows.flatMap((row) => {
      // Two clients may each have a channel to one target.
      const nth = seen.get(row.target) ?? 0;
      seen.set(row.target, nth + 1);
      const endpoints = row.endpoints.filter(({ address }) =>
        matches(this.words, `${row.target} ${address}`),
      );
      const fits = endpoints.length > 0 || matches(this.words, row.target);
      return fits ? [{ ...row, endpoints, nth }] : [];
    });
    this.keyed.show(this.few.cut(found));
    const count = found.reduce((sum, row) => sum + row.endpoints.length, 0);
    const text = `${found.length} · ${plural(count, 'endpoint')}`;
    this.tellCount('channels', found.length, text, 'No client in this process yet.');
  }
}

class ChannelCard {
  target = el('h3', { class: 'cut' });
  facts = el('span', { class: 'dim' });
  panic = el(
    'span',
    { class: 'pill bad', title: 'so few endpoints are left that ejections are ignored' },
    '✕ panic',
  );
  error = el('p', { class: 'error cut' });
  none = el('p', { class: 'none' }, 'No endpoint.');
  body = el('tbody');
  table = el('table', { class: 'endpoints' }, headOf(), this.body);
  /** @type {Keyed<Shown>} */
  keyed = new Keyed(this.body, ({ row }) => row.address, makeEndpoint);

  /**
   * @param {History} history
   * @param {() => void} redraw
   */
  constructor(history, redraw) {
    this.history = history;
    this.few = new ShowAll(6, 'endpoints', redraw);
    const head = el('header', {}, this.target, this.panic, this.facts);
    this.root = el('article', { class: 'channel' }, head, this.error, this.table, this.none);
    this.root.append(this.few.button);
  }

  /** @param {ChannelRow} channel */
  fill(channel) {
    setCut(this.target, channel.target);
    const ready = channel.endpoints.filter(isServing).length;
    const budget = channel.retryBudget;
    const facts = [channel.balancer, `${ready} of ${channel.endpoints.length} serving`];
    if (budget !== null)
      facts.push(`retry budget ${formatCount(budget)}${budget < 1 ? ' ▲ spent' : ''}`);
    setText(this.facts, facts.join(' · '));
    this.panic.hidden = !channel.panic;
    this.error.hidden = channel.resolutionError === null;
    setCut(this.error, `✕ not resolved: ${channel.resolutionError ?? ''}`);
    this.none.hidden = channel.endpoints.length > 0;
    this.table.hidden = channel.endpoints.length === 0;
    const most = { inFlight: 1, latencyMs: 1 };
    for (const { inFlight, latencyMs } of channel.endpoints) {
      most.inFlight = Math.max(most.inFlight, inFlight);
      most.latencyMs = Math.max(most.latencyMs, latencyMs ?? 0);
    }
    const ordered = channel.endpoints.toSorted(
      (a, b) => Number(isServing(a)) - Number(isServing(b)),
    );
    const shown = this.few.cut(ordered).map((row) => {
      const past = this.history.picks.get(endpointKey(channel.target, row.address));
      return { row, rate: past?.values.at(-1) ?? 0, most };
    });
    this.keyed.show(shown);
  }
}

/** @param {EndpointRow} row */
function isServing({ state, ejectedForMs }) {
  return state === 'ready' && ejectedForMs === null;
}

function headOf() {
  const heads = [
    ['Endpoint', ''],
    ['State', ''],
    ['Calls/s', 'num'],
    ['In flight', 'num'],
    ['Latency', 'num'],
    ['Weight', 'num'],
    ['Failed', 'num'],
    ['Last error', 'err'],
  ];
  const cells = heads.map(([text = '', name = '']) =>
    el('th', { scope: 'col', class: name }, text),
  );
  return el('thead', {}, el('tr', {}, ...cells));
}

/**
 * @param {Shown} made
 * @returns {import('./dom.js').Row<Shown>}
 */
function makeEndpoint({ row: { address } }) {
  const pill = el('span');
  const [rate, failed, error] = [
    el('td', { class: 'num' }),
    el('td', { class: 'num' }),
    el('td', { class: 'err' }),
  ];
  const load = [0, 1, 2].map(() => ({ text: el('span'), bar: bar() }));
  const bars = load.map((each) => el('td', { class: 'num' }, each.text, each.bar));
  const name = el('td', { class: 'addr', title: address }, address);
  const root = el('tr', {}, name, el('td', {}, pill), rate, ...bars, failed, error);
  return {
    root,
    fill: ({ row, rate: perSecond, most }) => {
      const ejected = row.ejectedForMs !== null;
      const state = ejected ? 'ejected' : row.state;
      setAttr(pill, 'class', `pill ${state}`);
      const more = row.ejectedForMs === null ? '' : ` ${formatSpan(row.ejectedForMs + 999)}`;
      setText(pill, `${GLYPHS[state] ?? '○'} ${state}${more}`);
      setAttr(pill, 'title', ejected ? `${row.state}; no calls for ${more.trim()}` : undefined);
      setAttr(root, 'class', ejected ? 'out' : undefined);
      setText(rate, Number.isNaN(perSecond) ? '–' : formatRate(perSecond));
      const values = [
        [formatCount(row.inFlight), row.inFlight / most.inFlight],
        [
          row.latencyMs === null ? '–' : `${formatMs(row.latencyMs)} ms`,
          (row.latencyMs ?? 0) / most.latencyMs,
        ],
        [`${Math.round(row.weight * 100)} %`, row.weight],
      ];
      for (const [i, [text, share]] of values.entries()) {
        const cell = load[i];
        if (cell === undefined) continue;
        setText(cell.text, String(text));
        setBar(cell.bar, Number(share));
      }
      setText(failed, formatCount(row.failures));
      setAttr(
        failed,
        'title',
        `${row.picks} picked, ${row.successes} succeeded, ejected ${row.ejections}×`,
      );
      setCut(error, row.lastError ?? '');
    },
  };
}
