import type { ConsoleState } from '../../telemetry/console/console-state.ts';
import { adminUrl, askAdmin } from '../admin-endpoint.ts';
import { CliFailure } from '../failure.ts';

/** Where a process's console sends its states. */
export function eventsUrl(from: string): URL {
  return adminUrl(from, '/console/events');
}

/** The states that a console sends, to the end of its stream. */
export async function* readStates(url: URL): AsyncGenerator<ConsoleState> {
  const response = await open(url);
  let data = '';
  for await (const line of linesOf(response)) {
    // Fields of server-sent events (WHATWG HTML, 9.2.6); only data matters here.
    if (line.startsWith('data:')) data += line.slice(line[5] === ' ' ? 6 : 5);
    if (line !== '' || data === '') continue;
    yield parse(url, data);
    data = '';
  }
}

async function open(url: URL): Promise<ReadableStream<Uint8Array>> {
  const response = await askAdmin(url, 'text/event-stream');
  const type = response.headers.get('content-type') ?? '';
  if (response.ok && response.body !== null && type.startsWith('text/event-stream')) {
    return response.body;
  }
  await response.body?.cancel();
  throw new CliFailure(
    `${url.href} answered ${response.status} ${response.statusText || 'without a reason'}, no events`,
    { hint: 'Is this the admin endpoint, and is its console on?' },
  );
}

async function* linesOf(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of body) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split(/\r\n|\n/);
    rest = lines.pop() ?? '';
    yield* lines;
  }
}

function parse(url: URL, data: string): ConsoleState {
  try {
    const state = JSON.parse(data) as Partial<ConsoleState> | null;
    if (Array.isArray(state?.methods) && state.process !== undefined) return state as ConsoleState;
  } catch {
    // Told below, as all that is no state.
  }
  throw new CliFailure(`${url.href} sent something that is no state of a console`, {
    hint: 'Are this command and the process of the same version of inboard?',
  });
}
