import { request } from 'node:http';
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { once } from 'node:events';

import { expect } from 'vitest';

import type { AdminBound, AdminOptions, ServerOptions } from '../../../src/index.ts';
import type { Pair, ShapesImplementation } from '../../support/harness.ts';
import { startPair } from '../../support/harness.ts';

/** A pair of the shapes whose server can be looked into. */
export interface AdminPair extends AsyncDisposable {
  readonly pair: Pair;
  readonly admin: AdminBound;
}

export async function adminPair(
  options: AdminOptions = {},
  { server, shapes }: { server?: ServerOptions; shapes?: Partial<ShapesImplementation> } = {},
): Promise<AdminPair> {
  const pair = await startPair(shapes, server && { server });
  const admin = await pair.server.admin.listen(':0', options);
  return { pair, admin, [Symbol.asyncDispose]: () => pair[Symbol.asyncDispose]() };
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface Asking {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** One request on a connection of its own, with whatever headers: `fetch` sets some itself. */
export async function ask(
  { port }: { readonly port: number },
  path: string,
  { method = 'GET', headers = {}, body }: Asking = {},
): Promise<Answer> {
  const sent = request({ host: '127.0.0.1', port, path, method, headers, agent: false });
  sent.end(body);
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  const chunks: Buffer[] = [];
  for await (const chunk of response as AsyncIterable<Buffer>) chunks.push(chunk);
  const { statusCode: status = 0, headers: got } = response;
  return { status, headers: got, body: Buffer.concat(chunks).toString() };
}

/** `expect.objectContaining` and `expect.arrayContaining`, without their `any`. */
export function having(fields: object): unknown {
  return expect.objectContaining(fields);
}

export function among(...items: unknown[]): unknown {
  return expect.arrayContaining(items);
}

export function bodyOf(answer: Answer): unknown {
  return JSON.parse(answer.body);
}

/** What comes back for bytes that no HTTP client would send; until the connection closes. */
export async function askRaw({ port }: { readonly port: number }, bytes: string): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  socket.on('error', () => undefined);
  socket.write(bytes);
  await once(socket, 'close');
  return Buffer.concat(chunks).toString();
}
