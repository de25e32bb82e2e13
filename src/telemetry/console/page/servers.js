// @ts-check
// What is served here: health of the services, bulkheads.
import { el, Keyed, place, setAttr, setCut, setText } from './dom.js';
import { formatCount, plural } from './format.js';

/** @typedef {import('../console-state.ts').ServerRow} ServerRow */
/** @typedef {{ readonly row: ServerRow, readonly nth: number }} Shown */

export class Servers {
  /** @type {Keyed<Shown>} */
  keyed = new Keyed(place('servers-list'), ({ nth }) => String(nth), makeServer);

  /** @param {readonly ServerRow[]} rows */
  update(rows) {
    this.keyed.show(rows.map((row, nth) => ({ row, nth })));
    place('servers-none').hidden = rows.length > 0;
  }
}

/**
 * @param {Shown} made
 * @returns {import('./dom.js').Row<Shown>}
 */
function makeServer({ nth }) {
  const facts = el('span', { class: 'dim' });
  const state = el('span');
  const list = el('ul', { class: 'facts' });
  const keyed = new Keyed(list, ([name]) => name, makeFact);
  const root = el(
    'article',
    { class: 'host' },
    el('header', {}, el('h3', {}, `Server ${nth + 1}`), state, facts),
    list,
  );
  return {
    root,
    fill: ({ row }) => {
      setText(state, row.draining ? '▲ draining' : '● serving');
      setAttr(state, 'class', row.draining ? 'pill connecting' : 'pill ready');
      setText(
        facts,
        `${plural(row.connections, 'connection')} · ${formatCount(row.inFlight)} in flight`,
      );
      /** @type {[string, string, string][]} */
      const all = [];
      for (const [service, is] of Object.entries(row.health)) {
        const good = is === 'SERVING';
        all.push([
          service === '' ? 'as a whole' : service,
          `${good ? '●' : '✕'} ${is}`,
          good ? '' : 'bad',
        ]);
      }
      for (const [name, { inUse, queued }] of Object.entries(row.bulkheads)) {
        const text = `${formatCount(inUse)} in use, ${formatCount(queued)} waiting`;
        all.push([`bulkhead ${name}`, text, queued > 0 ? 'warn' : '']);
      }
      keyed.show(all);
    },
  };
}

/** @returns {import('./dom.js').Row<[string, string, string]>} */
function makeFact() {
  const name = el('span', { class: 'cut' });
  const value = el('span');
  return {
    root: el('li', { class: 'line' }, name, value),
    fill: ([what, text, level]) => {
      setCut(name, what);
      setText(value, text);
      setAttr(value, 'class', level);
    },
  };
}
