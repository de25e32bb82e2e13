import type { Logger } from '../../../src/index.ts';
import type { Tone } from './protocol.ts';

/**
 * The log of a shop process, as lines for people: pino's shape, so that `createRuntime({ logger })`
 * takes it. A program of your own gives a pino logger there, or leaves it away.
 */
export function eventLog(tell: (text: string, tone: Tone) => void): Logger {
  const say = (fields: Known, message: string, tone: Tone): void => {
    const { nextProbeInMs, openForMs } = fields;
    // Of circuits the table's own lines tell, half-open ones included: see standing.ts.
    if (nextProbeInMs === undefined && openForMs === undefined) {
      tell(inWords(fields, message), tone);
    }
  };
  return {
    error: (fields, message) => say(fields, message, 'bad'),
    warn: (fields, message) => say(fields, message, 'bad'),
    info: (fields, message) => say(fields, message, 'good'),
  };
}

interface Known {
  readonly endpoint?: string;
  readonly reason?: string;
  readonly forMs?: number;
  readonly ejections?: number;
  readonly nextProbeInMs?: number;
  readonly openForMs?: number;
  readonly file?: string;
  readonly method?: string;
  readonly err?: unknown;
}

function inWords(fields: Known, message: string): string {
  const { endpoint, reason, forMs, ejections, file, method, err } = fields;
  if (endpoint !== undefined && forMs !== undefined) {
    return `ejected ${endpoint} for ${(forMs / 1_000).toFixed(1)} s: ${reason}`;
  }
  if (endpoint !== undefined && ejections !== undefined) {
    return `${endpoint} is no longer ejected`;
  }
  const about = [endpoint, file, method]
    .filter((text) => text !== undefined && !message.includes(text))
    .join(' ');
  const why = err instanceof Error ? `: ${err.message}` : '';
  return about === '' ? `${message}${why}` : `${message} (${about})${why}`;
}
