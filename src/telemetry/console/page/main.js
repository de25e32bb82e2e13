// @ts-check
// Puts the page together: one state in, every section filled.
import { Calls } from './calls.js';
import { Channels } from './channels.js';
import { Circuits } from './circuits.js';
import { byId, place, setAttr, setText } from './dom.js';
import { Drawer } from './drawer.js';
import { formatSpan } from './format.js';
import { Header } from './header.js';
import { History } from './history.js';
import { bindKeys, bindTheme, copyText } from './keys.js';
import { MethodTable } from './methods.js';
import { keyOf } from './order.js';
import { Servers } from './servers.js';
import { Stream } from './stream.js';
import { TryIt } from './try-it.js';
import { Verdict } from './verdict.js';

/** @typedef {import('../console-state.ts').ConsoleState} ConsoleState */

/** @type {(traceId: string) => void} */
const copyTrace = (traceId) => void copyText(traceId, 'trace id');

const past = new History();
const header = new Header(past);
const verdict = new Verdict();
const drawer = new Drawer(past, {
  closed: () => methods.focusChosen(),
  tryIt: (service, method) => tryIt.show(service, method),
});
const methods = new MethodTable(past, (key) => drawer.open(key, true));
const channels = new Channels(past);
const circuits = new Circuits();
const servers = new Servers();
const failed = new Calls('failed', 'No call failed lately.', copyTrace);
const slow = new Calls('slow', 'No calls yet.', copyTrace);
const tryIt = new TryIt((text, what) => void copyText(text, what));

/** @type {ConsoleState | undefined} */
let latest;
let waiting = false;
let tookMs = 0;

/** @param {ConsoleState} state */
function take(state) {
  latest = state;
  const start = performance.now();
  past.record(state, keyOf);
  verdict.update(state);
  tookMs = performance.now() - start;
  // A page that nobody sees only keeps its charts and its title going.
  if (waiting || document.hidden) return;
  waiting = true;
  requestAnimationFrame(draw);
}

function draw() {
  waiting = false;
  const state = latest;
  if (state === undefined) return;
  const start = performance.now();
  header.update(state);
  methods.update(state.methods);
  channels.update(state.channels);
  circuits.update(state.circuits);
  servers.update(state.servers);
  failed.update(state.failed);
  slow.update(state.slow);
  drawer.update(state);
  tryIt.update(state.process.invoke);
  document.body.classList.remove('empty');
  const ms = tookMs + performance.now() - start;
  setText(place('took'), `drawn in ${ms.toFixed(1)} ms`);
}

let said = '';

/**
 * @param {'live' | 'stale' | 'lost'} age
 * @param {number} ms
 */
function showAge(age, ms) {
  const live = place('live');
  const span = formatSpan(ms);
  const first = latest === undefined;
  const text = { live: '● live', stale: `▲ stale ${span}`, lost: `✕ lost ${span}` }[age];
  setText(live, first && age === 'live' ? '◌ connecting' : text);
  setAttr(live, 'class', `live ${age}`);
  setAttr(document.body, 'data-age', age);
  const old = place('old');
  old.hidden = age === 'live';
  const since = first ? 'No data yet.' : `No data for ${span}: the numbers are old.`;
  setText(old, `${age === 'stale' ? '▲' : '✕'} ${since} Trying to connect again…`);
  if (said === age) return;
  const words = {
    live: 'Live again.',
    stale: 'Connection lost, the numbers are old.',
    lost: 'Still no connection.',
  };
  if (said !== '') setText(place('said'), words[age]);
  said = age;
}

const filter = byId('filter', HTMLInputElement);
filter.addEventListener('input', () => {
  const words = filter.value
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => word !== '');
  for (const section of [methods, channels, circuits, failed, slow]) section.filter(words);
});

bindTheme();
bindKeys({
  move: (by) => {
    methods.move(by);
    if (drawer.isOpen && methods.chosen !== undefined) drawer.open(methods.chosen, false);
  },
  inTable: () => methods.body.contains(document.activeElement),
  close: () => drawer.close(),
});
document.addEventListener('visibilitychange', () => {
  if (!document.hidden && !waiting) draw();
});
new Stream(take, showAge).connect();
