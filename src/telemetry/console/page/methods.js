// @ts-check
// The table of methods: worst first, and calm.
import { byId, el, Keyed, place, Section, setAttr, setCut, setText, ShowAll } from './dom.js';
import { formatCount, formatMs, formatRate, formatShare, matches } from './format.js';
import { failureRate, keyOf, LEVELS, levelOf, sorted } from './order.js';
import { Spark } from './spark.js';

/** @typedef {import('../console-state.ts').MethodRow} MethodRow */
/** @typedef {import('./order.js').Sort} Sort */

/** Rows change places this often at most, unless another one became far worse. */
const CALM_MS = 5_000;
/** Rows stay where they are while somebody is among them, and was active this lately. */
const HOLD_MS = 15_000;

/** @type {Sort} */
const WORST = { column: 'worst', down: true };

const NUMBERS = /** @type {const} */ ([
  'rate',
  'spark',
  'success',
  'p50',
  'p95',
  'p99',
  'inFlight',
  'retryRate',
]);

/** @extends {Section<MethodRow>} */
export class MethodTable extends Section {
  sort = WORST;
  /** Keys in the order that is shown. @type {readonly string[]} */
  order = [];
  orderedAtMs = 0;
  activeAtMs = 0;
  /** @type {string | undefined} */
  chosen = undefined;
  table = byId('methods-table', HTMLTableElement);
  body = byId('methods-body', HTMLTableSectionElement);

  /**
   * @param {import('./history.js').History} history
   * @param {(key: string) => void} open Shows a method in detail.
   */
  constructor(history, open) {
    super();
    this.history = history;
    this.open = open;
    this.keyed = new Keyed(this.body, keyOf, (row) => this.makeRow(row));
    this.few = new ShowAll(12, 'methods', () => this.draw());
    place('methods').append(this.few.button);
    this.heads = [...this.table.querySelectorAll('th[data-sort]')];
    for (const head of this.heads) {
      head.querySelector('button')?.addEventListener('click', () => this.sortBy(head));
    }
    this.body.addEventListener('click', ({ target }) => {
      const row = target instanceof Element ? target.closest('tr') : null;
      const key = row?.dataset['key'];
      if (key !== undefined) this.choose(key, true);
    });
    for (const name of ['pointermove', 'keydown', 'pointerdown']) {
      document.addEventListener(name, () => {
        this.activeAtMs = performance.now();
      });
    }
  }

  /** @override */
  draw() {
    const found = this.rows.filter((row) =>
      matches(this.words, `${row.side} ${row.service}/${row.method}`),
    );
    const ordered = this.inOrder(found);
    const shown = this.few.cut(ordered);
    this.keyed.show(shown);
    const keys = shown.map(keyOf);
    if (this.chosen === undefined || !keys.includes(this.chosen)) this.markChosen(keys[0]);
    const all = this.rows.length;
    const count = found.length === all ? String(all) : `${found.length} of ${all}`;
    this.tellCount('methods', found.length, count, 'No method was called or served yet.');
    this.table.hidden = found.length === 0;
  }

  /** @param {readonly MethodRow[]} found */
  inOrder(found) {
    const now = performance.now();
    const fresh = sorted(found, this.sort);
    const known = new Map(found.map((row) => [keyOf(row), row]));
    const same = known.size === this.order.length && this.order.every((key) => known.has(key));
    const [first] = fresh;
    const before = known.get(this.order[0] ?? '');
    // Twice as bad as what was the worst is to be seen at once.
    const urgent =
      first !== undefined &&
      before !== undefined &&
      this.sort.column === 'worst' &&
      failureRate(first) > 2 * failureRate(before);
    const calm = now - this.orderedAtMs < CALM_MS && !urgent;
    const held = now - this.activeAtMs < HOLD_MS && this.isUsed();
    place('methods-held').hidden = !held;
    if (same && (calm || held)) {
      return this.order.flatMap((key) => known.get(key) ?? []);
    }
    this.order = fresh.map(keyOf);
    this.orderedAtMs = now;
    return fresh;
  }

  isUsed() {
    return this.body.matches(':hover') || this.body.contains(document.activeElement);
  }

  /** @param {Element} head */
  sortBy(head) {
    const column = /** @type {Sort['column']} */ (head.getAttribute('data-sort'));
    const byDefault = column !== 'success' && column !== 'method';
    if (column === this.sort.column && column !== 'worst') {
      // Once more turns it around, and a third time is worst first again.
      const turned = this.sort.down !== byDefault;
      this.sort = turned ? WORST : { column, down: !byDefault };
    } else this.sort = { column, down: byDefault };
    for (const each of this.heads) {
      const on = each.getAttribute('data-sort') === this.sort.column;
      setAttr(each, 'aria-sort', on ? (this.sort.down ? 'descending' : 'ascending') : undefined);
    }
    this.order = [];
    this.draw();
  }

  /** @param {number} by */
  move(by) {
    const rows = [...this.body.rows];
    const at = rows.findIndex((row) => row.dataset['key'] === this.chosen);
    // The first key press goes to the row that is marked, the next ones on from there.
    const inside = this.body.contains(document.activeElement);
    const next = rows[Math.min(rows.length - 1, Math.max(0, inside ? at + by : at))];
    const key = next?.dataset['key'];
    if (key === undefined) return;
    next?.querySelector('button')?.focus();
    this.choose(key, false);
  }

  /**
   * @param {string} key
   * @param {boolean} open
   */
  choose(key, open) {
    this.markChosen(key);
    if (open) this.open(key);
  }

  /** @param {string | undefined} key */
  markChosen(key) {
    this.chosen = key;
    for (const row of this.body.rows) {
      row
        .querySelector('button')
        ?.setAttribute('tabindex', row.dataset['key'] === key ? '0' : '-1');
    }
  }

  focusChosen() {
    for (const row of this.body.rows) {
      if (row.dataset['key'] === this.chosen) row.querySelector('button')?.focus();
    }
  }

  /**
   * @param {MethodRow} made
   * @returns {import('./dom.js').Row<MethodRow>}
   */
  makeRow(made) {
    const { side, service, method } = made;
    const key = keyOf(made);
    const mark = el('span', { 'aria-hidden': 'true' }, '○');
    const word = el('span', { class: 'vh' }, '');
    const name = el('button', { type: 'button', tabindex: '-1', 'aria-haspopup': 'dialog' });
    name.append(el('b', {}, method), el('span', {}, service));
    name.title = `${service}/${method}`;
    const cells = NUMBERS.map((column) => el('td', { class: `num ${column}` }));
    const spark = new Spark('calls and failures of the last minute');
    cells[1]?.replaceChildren(spark.root);
    const root = el(
      'tr',
      { 'data-key': key },
      el('td', { class: 'mark' }, mark, word),
      el('td', { class: 'name' }, name),
      el('td', {}, sideTag(side)),
      ...cells,
    );
    return {
      root,
      fill: (row) => {
        const level = levelOf(row.success);
        setAttr(root, 'class', level);
        setText(mark, LEVELS[level].glyph);
        setCut(word, LEVELS[level].word);
        const texts = [
          formatRate(row.rate),
          undefined,
          formatShare(row.success),
          formatMs(row.p50),
          formatMs(row.p95),
          formatMs(row.p99),
          formatCount(row.inFlight),
          row.side === 'client' ? formatRate(row.retryRate) : '',
        ];
        for (const [i, text] of texts.entries()) {
          const cell = cells[i];
          if (cell !== undefined && text !== undefined) setText(cell, text);
        }
        const past = this.history.methods.get(key);
        if (past !== undefined) spark.draw(past.calls.values, past.failures.values);
      },
    };
  }
}

/** @param {MethodRow['side']} side */
export function sideTag(side) {
  const client = side === 'client';
  const title = client ? 'called by this process' : 'served by this process';
  return el('span', { class: `tag ${side}`, title }, client ? '↗ client' : '↘ server');
}
