// @ts-check
// What stands out right now, in words: the first thing to read at night.
import { el, Keyed, place, setAttr, setText } from './dom.js';
import { formatMs, plural } from './format.js';
import { LAG_BAD_MS, LAG_WARN_MS } from './header.js';
import { levelOf } from './order.js';

/** @typedef {import('../console-state.ts').ConsoleState} ConsoleState */
/** @typedef {{ readonly text: string, readonly level: 'bad' | 'warn', readonly to: string }} Finding */

/**
 * @param {ConsoleState} state
 * @returns {Finding[]}
 */
function findings(state) {
  /** @type {Finding[]} */
  const found = [];
  /** @type {(count: number, text: string, level: Finding['level'], to: string) => void} */
  const add = (count, text, level, to) => {
    if (count > 0) found.push({ text, level, to });
  };
  const { process, methods, channels, circuits, servers } = state;
  const lag = process.loopLagMs ?? 0;
  const draining = servers.filter((each) => each.draining).length;
  add(draining, `${plural(draining, 'server')} draining`, 'warn', 'servers');
  if (draining === 0) add(process.ready ? 0 : 1, 'not ready', 'bad', 'servers');
  const failing = methods.filter(({ success }) => levelOf(success) === 'bad').length;
  add(failing, `${plural(failing, 'method')} failing`, 'bad', 'methods');
  const some = methods.filter(({ success }) => levelOf(success) === 'warn').length;
  add(some, `${plural(some, 'method')} with some failures`, 'warn', 'methods');
  const open = circuits.filter((each) => each.state === 'open').length;
  add(open, `${plural(open, 'circuit')} open`, 'bad', 'circuits');
  const half = circuits.filter((each) => each.state === 'half_open').length;
  add(half, `${plural(half, 'circuit')} half-open`, 'warn', 'circuits');
  const endpoints = channels.flatMap((channel) => channel.endpoints);
  const ejected = endpoints.filter((each) => each.ejectedForMs !== null).length;
  add(ejected, `${plural(ejected, 'endpoint')} ejected`, 'bad', 'channels');
  const away = endpoints.filter(({ state: is }) => is === 'backoff' || is === 'unhealthy').length;
  add(away, `${plural(away, 'endpoint')} down`, 'bad', 'channels');
  const panic = channels.filter((each) => each.panic).length;
  add(panic, `${plural(panic, 'channel')} in panic`, 'bad', 'channels');
  const lost = channels.filter((each) => each.resolutionError !== null).length;
  add(lost, `${plural(lost, 'name')} not resolved`, 'bad', 'channels');
  const spent = channels.filter((each) => each.retryBudget === 0).length;
  add(spent, `${plural(spent, 'retry budget')} spent`, 'warn', 'channels');
  const level = lag >= LAG_BAD_MS ? 'bad' : 'warn';
  add(lag >= LAG_WARN_MS ? 1 : 0, `event loop lags ${formatMs(lag)} ms`, level, 'vitals');
  return found.toSorted((a, b) => Number(b.level === 'bad') - Number(a.level === 'bad'));
}

export class Verdict {
  calm = place('calm');
  keyed = new Keyed(
    place('findings'),
    (/** @type {Finding} */ { to, text }) => to + text.replaceAll(/[\d.]/g, ''),
    makeChip,
  );

  /** @param {ConsoleState} state */
  update(state) {
    const found = findings(state);
    this.calm.hidden = found.length > 0;
    const { methods, channels, circuits } = state;
    const parts = [plural(methods.length, 'method'), plural(channels.length, 'channel')];
    if (circuits.length > 0) parts.push(`${plural(circuits.length, 'circuit')} closed`);
    setText(this.calm, `✓ Nothing stands out: ${parts.join(', ')}.`);
    this.keyed.show(found);
    const worst = found[0];
    const mark = worst === undefined ? '✓' : worst.level === 'bad' ? '✕' : '▲';
    const title = `${mark} ${state.process.name} · inboard`;
    if (document.title !== title) document.title = title;
  }
}

/**
 * @param {Finding} made
 * @returns {import('./dom.js').Row<Finding>}
 */
function makeChip({ to }) {
  const button = el('button', { type: 'button' });
  button.addEventListener('click', () => {
    document.getElementById(to)?.scrollIntoView({ block: 'start' });
  });
  return {
    root: el('li', {}, button),
    fill: ({ text, level }) => {
      setAttr(button, 'class', `chip ${level}`);
      setText(button, `${level === 'bad' ? '✕' : '▲'} ${text}`);
    },
  };
}
