import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';

import type { ConsoleState } from '../../src/telemetry/console/console-state.ts';

/** Asks an admin listener for JSON, on a connection of its own. */
export async function askJson(url: string, body?: unknown): Promise<unknown> {
  const response = await ask(url, body);
  const text = (await response.toArray()).join('');
  if (response.statusCode !== 200) throw new Error(`${url}: ${response.statusCode} ${text}`);
  return JSON.parse(text);
}

/** Asks for text. */
export async function askText(url: string): Promise<string> {
  const response = await ask(url);
  return (await response.toArray()).join('');
}

/** The console's live states, until the process ends. */
export async function* consoleStates(admin: string): AsyncGenerator<ConsoleState> {
  const response = await ask(`${admin}/console/events`);
  let buffered = '';
  try {
    for await (const chunk of response as AsyncIterable<string>) {
      const messages = (buffered + chunk).split('\n\n');
      buffered = messages.pop() ?? '';
      for (const message of messages) {
        const data = message.split('\n').find((line) => line.startsWith('data: '));
        if (data !== undefined) yield JSON.parse(data.slice('data: '.length)) as ConsoleState;
      }
    }
  } finally {
    response.destroy();
  }
}

/** What the console shows at this moment. */
export async function consoleState(admin: string): Promise<ConsoleState> {
  for await (const state of consoleStates(admin)) return state;
  throw new Error(`${admin} told no state`);
}

async function ask(url: string, body?: unknown): Promise<IncomingMessage> {
  // As the console's page sends it.
  const form = { 'content-type': 'application/json', origin: new URL(url).origin };
  const headers = body === undefined ? {} : form;
  const method = body === undefined ? 'GET' : 'POST';
  const sent = request(url, { method, headers, agent: false });
  sent.end(body === undefined ? undefined : JSON.stringify(body));
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  return response.setEncoding('utf8');
}
