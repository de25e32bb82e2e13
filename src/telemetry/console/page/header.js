// @ts-check
// The strip on top: what process this is, its vital numbers, and what stands out.
import { place, setAttr, setText } from './dom.js';
import {
  formatBytes,
  formatCount,
  formatMs,
  formatRate,
  formatShare,
  formatSpan,
} from './format.js';
import { levelOf } from './order.js';
import { Spark } from './spark.js';

/** @typedef {import('../console-state.ts').ConsoleState} ConsoleState */

/** A loop that lags this much makes every call slow. */
export const LAG_WARN_MS = 50;
export const LAG_BAD_MS = 200;

class Tile {
  spark = new Spark('the last minute');

  /** @param {string} id */
  constructor(id) {
    this.root = place(id);
    const [, big, sub] = this.root.children;
    this.big = /** @type {Element} */ (big);
    this.sub = /** @type {Element} */ (sub);
  }

  /**
   * @param {string} big
   * @param {string} sub
   * @param {string} [level]
   */
  fill(big, sub, level) {
    setText(this.big, big);
    setText(this.sub, sub);
    setAttr(this.root, 'class', `tile ${level ?? ''}`);
  }

  withSpark() {
    this.spark.root.setAttribute('aria-hidden', 'true');
    this.root.append(this.spark.root);
    return this;
  }
}

export class Header {
  ready = new Tile('ready');
  served = new Tile('served').withSpark();
  called = new Tile('called').withSpark();
  inFlight = new Tile('in-flight');
  lag = new Tile('lag').withSpark();
  heap = new Tile('heap').withSpark();

  /** @param {import('./history.js').History} history */
  constructor(history) {
    this.history = history;
  }

  /** @param {ConsoleState} state */
  update(state) {
    const { process, servers } = state;
    setText(place('name'), process.name);
    setAttr(place('name'), 'title', process.name);
    const facts = `pid ${process.pid} · up ${formatSpan(process.uptimeMs)}`;
    setText(place('facts'), facts);
    setText(place('versions'), `inboard ${process.inboard} · Node ${process.node}`);
    this.fillReady(state);
    this.fillSide(state, 'server', this.served, 'nothing served yet');
    this.fillSide(state, 'client', this.called, 'no client in this process yet');
    const total = { client: 0, server: 0 };
    for (const { side, inFlight } of state.methods) total[side] += inFlight;
    const connections = servers.reduce((sum, each) => sum + each.connections, 0);
    const inFlight = `${formatCount(total.server)} in · ${formatCount(total.client)} out`;
    const open = servers.length === 0 ? '' : ` · ${formatCount(connections)} conn.`;
    this.inFlight.fill(formatCount(total.server + total.client), inFlight + open);
    const lag = process.loopLagMs;
    const level = lag === null || lag < LAG_WARN_MS ? '' : lag < LAG_BAD_MS ? 'warn' : 'bad';
    const lagWord = level === '' ? '99th percentile' : level === 'warn' ? '▲ busy' : '✕ blocked';
    this.lag.fill(lag === null ? '–' : `${formatMs(lag)} ms`, lagWord, level);
    this.heap.fill(formatBytes(process.heapBytes), `of ${formatBytes(process.rssBytes)} in all`);
    this.served.spark.draw(this.history.served.values);
    this.called.spark.draw(this.history.called.values);
    this.lag.spark.draw(this.history.lag.values);
    this.heap.spark.draw(this.history.heap.values);
  }

  /** @param {ConsoleState} state */
  fillReady({ process, servers }) {
    const draining = servers.some((each) => each.draining);
    const count =
      servers.length === 0 ? 'no server here' : `/readyz says ${process.ready ? 'yes' : 'no'}`;
    const sub = draining ? 'draining' : count;
    this.ready.fill(process.ready ? '✓ Ready' : '✕ Not ready', sub, process.ready ? 'ok' : 'bad');
  }

  /**
   * @param {ConsoleState} state
   * @param {'client' | 'server'} side
   * @param {Tile} tile
   * @param {string} none
   */
  fillSide({ methods }, side, tile, none) {
    const rows = methods.filter((row) => row.side === side);
    if (rows.length === 0) {
      tile.fill('–', none);
      return;
    }
    const rate = rows.reduce((sum, row) => sum + row.rate, 0);
    const good = rows.reduce((sum, row) => sum + row.rate * (row.success ?? 1), 0);
    const success = rate === 0 ? null : Math.min(1, good / rate);
    const level = levelOf(success);
    const glyph = level === 'bad' ? '✕ ' : level === 'warn' ? '▲ ' : '';
    const sub = success === null ? 'no calls lately' : `${glyph}${formatShare(success)} succeed`;
    tile.fill(`${formatRate(rate)}/s`, sub, level === 'bad' || level === 'warn' ? level : '');
  }
}
