// @ts-check
// The keyboard, the theme, and words for those who listen.
import { byId, place, setAttr, setText } from './dom.js';

/** @typedef {{ move(by: number): void, inTable(): boolean, close(): void }} Actions */

/**
 * @param {Actions} actions
 */
export function bindKeys(actions) {
  const help = byId('help', HTMLDialogElement);
  byId('help-open', HTMLButtonElement).addEventListener('click', () => help.showModal());
  byId('help-close', HTMLButtonElement).addEventListener('click', () => help.close());
  byId('sort-help', HTMLButtonElement).addEventListener('click', () => help.showModal());
  const filter = byId('filter', HTMLInputElement);
  /** @type {Readonly<Record<string, () => boolean>>} */
  const keys = {
    '/': () => {
      filter.focus();
      filter.select();
      return true;
    },
    '?': () => {
      help.showModal();
      return true;
    },
    j: () => moved(1),
    k: () => moved(-1),
    ArrowDown: () => actions.inTable() && moved(1),
    ArrowUp: () => actions.inTable() && moved(-1),
    Escape: () => {
      actions.close();
      return false;
    },
  };
  /** @type {(by: number) => boolean} */
  const moved = (by) => {
    actions.move(by);
    return true;
  };
  document.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || help.open) return;
    if (isTyping(event.target)) {
      if (event.key === 'Escape' && event.target === filter) leaveFilter(filter);
      return;
    }
    const act = Object.hasOwn(keys, event.key) ? keys[event.key] : undefined;
    if (act?.() === true) event.preventDefault();
  });
}

/** @param {EventTarget | null} target */
function isTyping(target) {
  return target instanceof Element && target.matches('input, textarea, select');
}

/**
 * The first Escape empties it, the next one leaves it.
 * @param {HTMLInputElement} filter
 */
function leaveFilter(filter) {
  if (filter.value === '') filter.blur();
  filter.value = '';
  filter.dispatchEvent(new Event('input'));
}

const KEPT = 'inboard-console-theme';

/** Follows the system until somebody chooses. */
export function bindTheme() {
  const root = document.documentElement;
  const button = byId('theme', HTMLButtonElement);
  const dark = matchMedia('(prefers-color-scheme: dark)');
  const isDark = () => (root.dataset['theme'] ?? (dark.matches ? 'dark' : 'light')) === 'dark';
  const name = () =>
    setAttr(button, 'aria-label', isDark() ? 'Use the light theme' : 'Use the dark theme');
  const kept = recall();
  if (kept === 'dark' || kept === 'light') root.dataset['theme'] = kept;
  button.addEventListener('click', () => {
    root.dataset['theme'] = isDark() ? 'light' : 'dark';
    name();
    try {
      localStorage.setItem(KEPT, root.dataset['theme']);
    } catch {
      // Where nothing may be stored, the choice holds until the page is left.
    }
  });
  dark.addEventListener('change', name);
  name();
}

function recall() {
  try {
    return localStorage.getItem(KEPT);
  } catch {
    return null;
  }
}

/**
 * Copies, and says so. Where a page may not (plain HTTP from another machine), it shows the text.
 * @param {string} text
 * @param {string} what
 */
export async function copyText(text, what) {
  try {
    await navigator.clipboard.writeText(text);
    toast(`✓ Copied the ${what}`, text);
  } catch {
    toast(`This page may not copy; here is the ${what}:`, text);
  }
}

/** @type {ReturnType<typeof setTimeout> | undefined} */
let toastTimer;

/**
 * @param {string} text
 * @param {string} value
 */
function toast(text, value) {
  const root = place('toast');
  setText(place('toast-text'), text);
  setText(place('toast-value'), value);
  root.classList.add('shown');
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => root.classList.remove('shown'), 4_000);
}
