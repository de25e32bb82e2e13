// @ts-check
// The form that calls a method of this process. A link can fill it in; only a person can send it.
import { byId, el, place, setAttr, setText } from './dom.js';
import { formatMs } from './format.js';
import { getJson } from './stream.js';

/** @typedef {import('../console-state.ts').TryMethod} TryMethod */
/** @typedef {import('../console-state.ts').InvokeRequest} InvokeRequest */
/** @typedef {import('../console-state.ts').InvokeResponse} InvokeResponse */

export class TryIt {
  form = byId('try-form', HTMLFormElement);
  select = byId('try-method', HTMLSelectElement);
  message = byId('try-message', HTMLTextAreaElement);
  metadata = byId('try-metadata', HTMLTextAreaElement);
  timeout = byId('try-timeout', HTMLInputElement);
  send = byId('try-send', HTMLButtonElement);
  answer = place('try-answer');
  /** @type {readonly TryMethod[]} */
  methods = [];
  /** @type {boolean | undefined} */
  on = undefined;

  /** @param {(text: string, what: string) => void} copy */
  constructor(copy) {
    this.select.addEventListener('change', () => this.start());
    this.form.addEventListener('input', () => this.keepLink());
    this.form.addEventListener('submit', (event) => {
      event.preventDefault();
      void this.call();
    });
    this.form.addEventListener('keydown', (event) => {
      if (event.key !== 'Enter' || !(event.ctrlKey || event.metaKey)) return;
      event.preventDefault();
      if (!this.send.disabled) void this.call();
    });
    byId('try-link', HTMLButtonElement).addEventListener('click', () => {
      this.keepLink();
      copy(location.href, 'link');
    });
    window.addEventListener('hashchange', () => this.readLink());
  }

  /** @param {boolean} on Whether this process lets the form call. */
  update(on) {
    if (on === this.on) return;
    this.on = on;
    this.form.hidden = !on;
    place('try-off').hidden = on;
    if (on) void this.load();
  }

  async load() {
    try {
      this.methods = /** @type {TryMethod[]} */ (await getJson('methods'));
      this.fail('');
    } catch (error) {
      this.fail(`The methods could not be had: ${String(error)}`);
      return;
    }
    /** @type {Map<string, HTMLElement>} */
    const groups = new Map();
    for (const { service, method } of this.methods) {
      const group = groups.get(service) ?? el('optgroup', { label: service });
      groups.set(service, group);
      group.append(el('option', { value: `${service}/${method}` }, method));
    }
    this.select.replaceChildren(...groups.values());
    this.send.disabled = this.methods.length === 0;
    if (this.methods.length === 0) this.fail('No server of this process has methods to call.');
    if (!this.readLink()) this.start(false);
  }

  chosen() {
    return this.methods.find(({ service, method }) => `${service}/${method}` === this.select.value);
  }

  /**
   * Begins with an empty request of the chosen method.
   * @param {boolean} [link]
   */
  start(link = true) {
    const method = this.chosen();
    if (method === undefined) return;
    this.message.value = method.template;
    this.describe(method);
    if (link) this.keepLink();
  }

  /** @param {TryMethod} method */
  describe({ fields, type }) {
    const list = fields.map((field) => el('li', {}, field));
    place('try-fields').replaceChildren(...list);
    const many = type === 'client_stream' || type === 'bidi_stream';
    setText(place('try-message-label'), many ? 'Messages, as a JSON array' : 'Message, as JSON');
  }

  /**
   * @param {string} service
   * @param {string} method
   */
  show(service, method) {
    this.select.value = `${service}/${method}`;
    this.start();
    place('try').scrollIntoView({ block: 'start' });
    this.message.focus({ preventScroll: true });
  }

  keepLink() {
    const link = new URLSearchParams({ try: this.select.value, message: this.message.value });
    history.replaceState(null, '', `#${link.toString()}`);
  }

  readLink() {
    const link = new URLSearchParams(location.hash.slice(1));
    const path = link.get('try');
    if (path === null || this.on !== true) return false;
    this.select.value = path;
    const method = this.chosen();
    if (method === undefined) {
      this.start(false);
      this.fail(`The link is of ${path}, which is not served here.`);
      return true;
    }
    this.message.value = link.get('message') ?? method.template;
    this.describe(method);
    place('try').scrollIntoView({ block: 'start' });
    return true;
  }

  /** @param {string} text */
  fail(text) {
    const error = place('try-error');
    error.hidden = text === '';
    setText(error, text === '' ? '' : `✕ ${text}`);
  }

  /** @returns {InvokeRequest | undefined} */
  request() {
    const method = this.chosen();
    if (method === undefined) return undefined;
    /** @type {unknown} */
    let message;
    try {
      message = JSON.parse(this.message.value);
    } catch (error) {
      this.fail(`The message is not JSON: ${error instanceof Error ? error.message : ''}`);
      this.message.focus();
      return undefined;
    }
    /** @type {Record<string, string>} */
    const metadata = {};
    for (const line of this.metadata.value.split('\n')) {
      if (line.trim() === '') continue;
      const colon = line.indexOf(':');
      if (colon < 1) {
        this.fail(`Metadata is \`name: value\`, one a line; this is not: ${line}`);
        this.metadata.focus();
        return undefined;
      }
      metadata[line.slice(0, colon).trim()] = line.slice(colon + 1).trim();
    }
    const timeoutMs = this.timeout.valueAsNumber;
    const timed = Number.isFinite(timeoutMs) ? { timeoutMs } : {};
    return { service: method.service, method: method.method, message, metadata, ...timed };
  }

  async call() {
    this.fail('');
    const request = this.request();
    if (request === undefined) return;
    this.send.disabled = true;
    setText(this.send, 'Calling…');
    try {
      const init = {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify(request),
      };
      this.showAnswer(/** @type {InvokeResponse} */ (await getJson('invoke', init)));
    } catch (error) {
      this.fail(error instanceof Error ? error.message : String(error));
    } finally {
      this.send.disabled = false;
      setText(this.send, 'Send');
    }
  }

  /** @param {InvokeResponse} answer */
  showAnswer({ code, details, durationMs, messages, dropped, header, trailer }) {
    this.answer.hidden = false;
    place('try-none').hidden = true;
    const good = code === 'OK';
    const status = place('try-status');
    setText(status, `${good ? '●' : '✕'} ${code}`);
    setAttr(status, 'class', good ? 'pill ready' : 'pill bad');
    setText(place('try-took'), `${formatMs(durationMs)} ms`);
    setText(place('try-details'), details);
    const body = messages.map((each) => JSON.stringify(each, null, 2)).join('\n\n');
    const more = dropped > 0 ? `\n\n… and ${dropped} more` : '';
    setText(place('try-messages'), body === '' ? 'no message' : body + more);
    fillPairs(place('try-header'), header);
    fillPairs(place('try-trailer'), trailer);
  }
}

/**
 * @param {HTMLElement} list
 * @param {Readonly<Record<string, string>>} pairs
 */
function fillPairs(list, pairs) {
  const all = Object.entries(pairs);
  const rows = all.map(([name, value]) => el('div', {}, el('dt', {}, name), el('dd', {}, value)));
  list.replaceChildren(...(rows.length > 0 ? rows : [el('p', { class: 'none' }, 'none')]));
}
