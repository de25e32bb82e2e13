// @ts-check
// The stream of states, kept alive, and its age.

/** @typedef {import('../console-state.ts').ConsoleState} ConsoleState */
/** @typedef {'live' | 'stale' | 'lost'} Age */

/** States come about one a second. */
const STALE_MS = 3_000;
const LOST_MS = 10_000;
/** A connection that says nothing for so long is made anew, and so is one that was refused. */
const AGAIN_MS = 5_000;

/** @param {string} name */
export function urlOf(name) {
  return `${location.pathname.replace(/\/$/, '')}/${name}`;
}

/**
 * @param {string} name
 * @param {RequestInit} [init]
 * @returns {Promise<unknown>}
 */
export async function getJson(name, init) {
  const response = await fetch(urlOf(name), { cache: 'no-store', ...init });
  const body = /** @type {unknown} */ (await response.json());
  if (response.ok) return body;
  const { error } = /** @type {{ error?: unknown }} */ (body);
  throw new Error(typeof error === 'string' ? error : `HTTP ${response.status}`);
}

export class Stream {
  /** @type {EventSource | undefined} */
  source = undefined;
  heardAtMs = performance.now();
  triedAtMs = 0;

  /**
   * @param {(state: ConsoleState) => void} onState
   * @param {(age: Age, ms: number) => void} onAge Told about twice a second.
   */
  constructor(onState, onAge) {
    this.onState = onState;
    this.onAge = onAge;
    setInterval(() => this.look(), 500);
  }

  connect() {
    this.source?.close();
    this.triedAtMs = performance.now();
    this.source = new EventSource(urlOf('events'));
    this.source.addEventListener('message', (event) => {
      this.heardAtMs = performance.now();
      this.onState(/** @type {ConsoleState} */ (JSON.parse(String(event.data))));
      this.tell();
    });
  }

  look() {
    const now = performance.now();
    const last = Math.max(this.heardAtMs, this.triedAtMs);
    if (now - last > AGAIN_MS) this.connect();
    this.tell();
  }

  tell() {
    const ms = performance.now() - this.heardAtMs;
    this.onAge(ms < STALE_MS ? 'live' : ms < LOST_MS ? 'stale' : 'lost', ms);
  }
}
