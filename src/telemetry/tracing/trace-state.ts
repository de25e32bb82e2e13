import type { TraceState } from '@opentelemetry/api';

/** Most members that a `tracestate` may have (W3C Trace Context, 3.3.1.1). */
const MAX_MEMBERS = 32;

/**
 * Longest `tracestate`, in bytes: as much as everyone should carry on (W3C Trace Context,
 * "tracestate Limits"). A longer one could break the header limits of servers behind this one.
 */
const MAX_BYTES = 512;

/** `key=value`: a key of letters, digits and `_-*@` and `/`; printable text without `,` and `=`. */
const MEMBER = /^([a-z0-9][a-z0-9_\-*/@]{0,255})=([ -+\--<>-~]{0,255}[!-+\--<>-~])$/;

/** A `tracestate` that came with a call. Mostly it goes on as it is, so it is read when asked. */
export class InboundTraceState implements TraceState {
  private readonly header: string;

  constructor(header: string) {
    this.header = header;
  }

  get(key: string): string | undefined {
    return this.members().find(([name]) => name === key)?.[1];
  }

  /** What changes moves to the front; what is too much at the end is dropped. */
  set(key: string, value: string): TraceState {
    return made([[key, value], ...this.without(key)].slice(0, MAX_MEMBERS));
  }

  unset(key: string): TraceState {
    return made(this.without(key));
  }

  serialize(): string {
    return this.header;
  }

  private without(key: string): string[][] {
    return this.members().filter(([name]) => name !== key);
  }

  private members(): string[][] {
    return this.header
      .split(',')
      .map((member) => member.trim())
      .filter((member) => member.includes('='))
      .map((member) => {
        const at = member.indexOf('=');
        return [member.slice(0, at), member.slice(at + 1)];
      });
  }
}

function made(members: readonly string[][]): TraceState {
  return new InboundTraceState(members.map((member) => member.join('=')).join(','));
}

/** Undefined for a header that breaks the rules: it is dropped, and the trace goes on (3.5). */
export function readTraceState(header: string): TraceState | undefined {
  // What is valid is ASCII: characters are bytes.
  if (header.length > MAX_BYTES) return undefined;
  const members = header.split(',').filter((member) => member.trim() !== '');
  if (members.length === 0 || members.length > MAX_MEMBERS) return undefined;
  const keys = members.map((member) => MEMBER.exec(member.trim())?.[1]);
  if (keys.includes(undefined) || new Set(keys).size < keys.length) return undefined;
  return new InboundTraceState(header);
}
