// @ts-check
// Small tools over the DOM. What a process says goes in as text and attributes, never as markup.

/**
 * @template T
 * @typedef {{ readonly root: Element, fill(item: T): void }} Row
 */

/**
 * @template {HTMLElement} T
 * @param {string} id
 * @param {new () => T} type
 * @returns {T}
 */
export function byId(id, type) {
  const found = document.getElementById(id);
  if (!(found instanceof type)) throw new Error(`the page has no #${id}`);
  return found;
}

/**
 * Any element by its id.
 * @param {string} id
 */
export function place(id) {
  return byId(id, HTMLElement);
}

/**
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {Readonly<Record<string, string>>} [attributes]
 * @param {...(Node | string)} children
 * @returns {HTMLElementTagNameMap[T]}
 */
export function el(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

/**
 * @template {keyof SVGElementTagNameMap} T
 * @param {T} tag
 * @param {Readonly<Record<string, string>>} [attributes]
 * @param {...Node} children
 * @returns {SVGElementTagNameMap[T]}
 */
export function svg(tag, attributes = {}, ...children) {
  const made = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

/**
 * Of an element that holds text alone.
 * @param {Element} element
 * @param {string} text
 */
export function setText(element, text) {
  const node = element.firstChild;
  if (!(node instanceof Text)) element.append(text);
  else if (node.data !== text) node.data = text;
}

/**
 * @param {Element} element
 * @param {string} name
 * @param {string | undefined} value Undefined takes it away.
 */
export function setAttr(element, name, value) {
  if (value === undefined) {
    if (element.hasAttribute(name)) element.removeAttribute(name);
  } else if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}

/**
 * Text that may be cut short by its place, and so is the title, too.
 * @param {Element} element
 * @param {string} text
 */
export function setCut(element, text) {
  setText(element, text);
  setAttr(element, 'title', text);
}

/** Told where a row comes near to what can be seen, or leaves it. @type {WeakMap<Element, (near: boolean) => void>} */
const watched = new WeakMap();

const watcher = new IntersectionObserver(
  (entries) => {
    for (const { target, isIntersecting } of entries) watched.get(target)?.(isIntersecting);
  },
  { rootMargin: '300px' },
);

/**
 * Rows by key: each is made once, then only filled and moved. One that is far from what can be seen
 * is filled when it comes near. What has the focus keeps it.
 * @template T
 */
export class Keyed {
  /** @type {Map<string, { readonly row: Row<T>, item: T, near: boolean }>} */
  rows = new Map();

  /**
   * @param {Element} parent Holds these rows and nothing else.
   * @param {(item: T) => string} keyOf
   * @param {(item: T) => Row<T>} make
   */
  constructor(parent, keyOf, make) {
    this.parent = parent;
    this.keyOf = keyOf;
    this.make = make;
  }

  /** @param {readonly T[]} items */
  show(items) {
    const focused = document.activeElement;
    const keys = new Set(items.map(this.keyOf));
    for (const [key, { row }] of this.rows) {
      if (keys.has(key)) continue;
      watcher.unobserve(row.root);
      row.root.remove();
      this.rows.delete(key);
    }
    let at = this.parent.firstElementChild;
    for (const item of items) {
      const entry = this.entryOf(item);
      const { root } = entry.row;
      if (root === at) at = at.nextElementSibling;
      else this.parent.insertBefore(root, at);
      entry.item = item;
      if (entry.near) entry.row.fill(item);
    }
    if (focused === document.activeElement || !(focused instanceof HTMLElement)) return;
    if (focused.isConnected) focused.focus({ preventScroll: true });
  }

  /** @param {T} item */
  entryOf(item) {
    const key = this.keyOf(item);
    const known = this.rows.get(key);
    if (known !== undefined) return known;
    const entry = { row: this.make(item), item, near: true };
    const { root } = entry.row;
    this.rows.set(key, entry);
    watched.set(root, (near) => {
      if (near && !entry.near) entry.row.fill(entry.item);
      entry.near = near;
    });
    watcher.observe(root);
    return entry;
  }
}

/** Shows the first few of a list, and all of it once asked. */
export class ShowAll {
  all = false;
  button = el('button', { type: 'button', class: 'more' });

  /**
   * @param {number} few
   * @param {string} what What they are, such as `methods`.
   * @param {() => void} onChange
   */
  constructor(few, what, onChange) {
    this.few = few;
    this.what = what;
    this.button.hidden = true;
    this.button.addEventListener('click', () => {
      this.all = !this.all;
      onChange();
    });
  }

  /**
   * @template T
   * @param {readonly T[]} items
   * @returns {readonly T[]}
   */
  cut(items) {
    this.button.hidden = items.length <= this.few;
    setText(this.button, this.all ? `Show ${this.few}` : `Show all ${items.length} ${this.what}`);
    setAttr(this.button, 'aria-expanded', String(this.all));
    return this.all ? items : items.slice(0, this.few);
  }
}

/** A bar from 0 to 1. */
export function bar() {
  return el('span', { class: 'bar', 'aria-hidden': 'true' }, el('i'));
}

/**
 * @param {Element} element
 * @param {number} share
 */
export function setBar(element, share) {
  const fill = element.firstElementChild;
  if (!(fill instanceof HTMLElement)) return;
  const scale = `scaleX(${Math.min(1, Math.max(0, share)).toFixed(2)})`;
  if (fill.style.transform !== scale) fill.style.transform = scale;
}

/**
 * A part of the page that lists rows, as many as fit the filter.
 * @template T
 */
export class Section {
  /** @type {readonly T[]} */
  rows = [];
  /** @type {readonly string[]} */
  words = [];

  /** @param {readonly T[]} rows */
  update(rows) {
    this.rows = rows;
    this.draw();
  }

  /** @param {readonly string[]} words */
  filter(words) {
    this.words = words;
    this.draw();
  }

  draw() {}

  /**
   * Says why there is nothing, where there is nothing.
   * @param {string} name Of the section.
   * @param {number} found How many rows fit.
   * @param {string} count
   * @param {string} nothing What to say where there are no rows at all.
   */
  tellCount(name, found, count, nothing) {
    setText(place(`${name}-count`), found === 0 ? '' : count);
    const none = place(`${name}-none`);
    none.hidden = found > 0;
    setText(none, this.rows.length === 0 ? nothing : 'Nothing fits the filter.');
  }
}
