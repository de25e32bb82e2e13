// @ts-check
// The last calls that failed, and the slowest ones.
import { el, Keyed, place, Section, setAttr, setCut, setText, ShowAll } from './dom.js';
import { formatMs, formatSpan, matches } from './format.js';
import { sideTag } from './methods.js';

/** @typedef {import('../console-state.ts').CallRow} CallRow */
/** @typedef {{ readonly row: CallRow, readonly nth: number }} Shown */

/** @extends {Section<CallRow>} */
export class Calls extends Section {
  /**
   * @param {'slow' | 'failed'} name
   * @param {string} nothing
   * @param {(traceId: string) => void} copy
   */
  constructor(name, nothing, copy) {
    super();
    this.nothing = nothing;
    this.name = name;
    this.list = place(`${name}-list`);
    this.held = place(`${name}-held`);
    this.few = new ShowAll(6, 'calls', () => this.draw());
    this.list.after(this.few.button);
    /** @type {Keyed<Shown>} */
    this.keyed = new Keyed(
      this.list,
      ({ row, nth }) => `${nth} ${row.side}`,
      ({ row }) => makeCall(row.side, copy),
    );
  }

  /**
   * @override
   * @param {readonly CallRow[]} rows
   */
  update(rows) {
    // Nothing moves away under a pointer that is about to click.
    const held = this.list.matches(':hover') || this.list.contains(document.activeElement);
    this.held.hidden = !held || rows.length === 0;
    if (!held || this.rows.length === 0) super.update(rows);
  }

  /** @override */
  draw() {
    const found = this.rows.filter((row) => matches(this.words, textOf(row)));
    this.keyed.show(this.few.cut(found.map((row, nth) => ({ row, nth }))));
    this.tellCount(this.name, found.length, String(found.length), this.nothing);
  }
}

/** @param {CallRow} row */
function textOf({ side, service, method, code, details, peer, traceId }) {
  return `${side} ${service}/${method} ${code} ${details} ${peer ?? ''} ${traceId ?? ''}`;
}

/**
 * @param {CallRow['side']} side
 * @param {(traceId: string) => void} copy
 * @returns {import('./dom.js').Row<Shown>}
 */
function makeCall(side, copy) {
  const name = el('b', { class: 'cut' });
  const code = el('span');
  const age = el('span', { class: 'dim age' });
  const took = el('span', { class: 'took' });
  const details = el('span', { class: 'cut dim' });
  const trace = el('button', { type: 'button', class: 'trace' });
  let traceId = '';
  trace.addEventListener('click', () => copy(traceId));
  const root = el(
    'li',
    { class: 'call' },
    el('div', { class: 'line' }, sideTag(side), name, took, age),
    el('div', { class: 'line small' }, code, details, trace),
  );
  return {
    root,
    fill: ({ row }) => {
      setText(name, row.method);
      setAttr(name, 'title', `${row.service}/${row.method}`);
      setText(code, row.code === 'OK' ? '● OK' : `✕ ${row.code}`);
      setAttr(code, 'class', row.code === 'OK' ? 'status' : 'status bad');
      setText(age, `${formatSpan(row.agoMs)} ago`);
      const tries = row.attempts > 1 ? `, ${row.attempts} tries` : '';
      setText(took, `${formatMs(row.durationMs)} ms${tries}`);
      setCut(details, [row.details, row.peer ?? ''].filter((text) => text !== '').join(' · '));
      traceId = row.traceId ?? '';
      trace.hidden = traceId === '';
      setText(trace, traceId.slice(0, 8));
      setAttr(trace, 'title', `Copy trace id ${traceId}`);
      setAttr(trace, 'aria-label', `Copy trace id ${traceId}`);
    },
  };
}
