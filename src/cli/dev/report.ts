import { harmless, note } from '../output.ts';
import type { DevEvent, StepEvent } from './dev-event.ts';

/** Tells what happens. */
export type Report = (event: DevEvent) => void;

/**
 * For people on stderr, so that stdout is the server's own; as JSON on stdout, where the server's
 * output goes to stderr.
 */
export function makeReport(asJson: boolean): Report {
  return (event) => {
    if (asJson) process.stdout.write(`${harmless(JSON.stringify(event))}\n`);
    else note(textOf(event));
  };
}

function textOf(event: DevEvent): string {
  switch (event.event) {
    case 'watching':
      return `inboard: ${event.entry}, watching ${event.folders.join(', ')}`;
    case 'changed':
      return `inboard: changed ${shorten(event.files)}`;
    case 'generate':
    case 'types':
      return stepText(event);
    case 'started':
      return `inboard: started ${event.entry} (pid ${event.pid})`;
    case 'ended':
      return `inboard: ${endText(event)}`;
    case 'killed':
      return `inboard: pid ${event.pid} did not end within ${seconds(event.graceMs)}: killed`;
    case 'waiting':
      return event.pid === null
        ? 'inboard: nothing runs until this is repaired'
        : `inboard: pid ${event.pid} goes on as it was, until this is repaired`;
    default:
      return `inboard: ${event.message}`;
  }
}

function stepText({ event, ok, ms, files = [], output = '' }: StepEvent): string {
  const line = `inboard: ${event} ${ok ? 'ok' : 'failed'} ${seconds(ms)}`;
  const written = files.length === 0 ? '' : `, wrote ${shorten(files)}`;
  return ok ? `${line}${written}` : `${line}\n${output}`;
}

function endText({ entry, pid, code, signal, asked }: DevEvent & { event: 'ended' }): string {
  const how = signal === null ? `with exit code ${code}` : `by ${signal}`;
  if (asked) return `pid ${pid} has ended`;
  const what = code === 0 ? 'ended' : 'crashed';
  return `${entry} (pid ${pid}) ${what} ${how}; waiting for a change`;
}

function shorten(files: readonly string[]): string {
  const [first = '', ...rest] = files;
  return rest.length === 0 ? first : `${first} and ${rest.length} more`;
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}
