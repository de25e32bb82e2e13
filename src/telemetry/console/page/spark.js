// @ts-check
// Small charts of the last minute.
import { setAttr, svg } from './dom.js';
import { SECONDS } from './history.js';

const HEIGHT = 20;
const STEP = 2;

/** A chart of one value a second, and what failed of it in front. */
export class Spark {
  area = svg('path', { class: 'area' });
  failures = svg('path', { class: 'fails' });

  /** @param {string} title What a screen reader says of it. */
  constructor(title) {
    this.root = svg(
      'svg',
      {
        class: 'spark',
        viewBox: `0 0 ${SECONDS * STEP} ${HEIGHT}`,
        preserveAspectRatio: 'none',
        role: 'img',
        'aria-label': title,
      },
      this.area,
      this.failures,
    );
  }

  /**
   * @param {Float32Array} values
   * @param {Float32Array} [failures] On the same scale.
   */
  draw(values, failures) {
    const top = largest(values);
    setAttr(this.area, 'd', steps(values, top));
    setAttr(this.failures, 'd', failures === undefined ? '' : steps(failures, top));
    return top;
  }
}

/** @param {Float32Array} values */
function largest(values) {
  let top = 0;
  for (const value of values) if (value > top) top = value;
  return top;
}

/**
 * An outline in steps of whole units; runs of one height are one line.
 * @param {Float32Array} values
 * @param {number} top
 */
function steps(values, top) {
  let path = `M0 ${HEIGHT}`;
  let y = HEIGHT;
  for (const [i, value] of values.entries()) {
    // What is not 0 can be seen; NaN is nothing.
    const height = value > 0 ? Math.max(1.5, Math.round((value / top) * (HEIGHT - 1))) : 0;
    if (HEIGHT - height === y) continue;
    y = HEIGHT - height;
    path += `H${i * STEP}V${y}`;
  }
  return y === HEIGHT && path.length < 6 ? '' : `${path}H${SECONDS * STEP}V${HEIGHT}z`;
}
