import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import * as grpc from '@grpc/grpc-js';
import type { CallContext } from 'nice-grpc-common';

import type { UnaryRequest } from '../../generated/inboard/testing/v1/shapes.ts';
import { ServerError, serverTls, Status } from '../../src/index.ts';
import { startPython, withoutPython } from '../interop/python.ts';
import type { PeerContext, PeerService } from '../interop/stock-server.ts';
import { stockServer } from '../interop/stock-server.ts';
import { authority, localhost, startSecure } from '../security/secure-server.ts';
import { deferred, startPair } from '../support/harness.ts';
import { shapes } from '../support/shapes-service.ts';

/**
 * A server of the shapes that echoes what it gets, and metadata that begins with `x-`, twice. A
 * unary call with the text `fail` ends with OUT_OF_RANGE, one with `hang` does not end.
 */
export interface Peer extends AsyncDisposable {
  readonly port: number;
  /** Resolves when a call hangs, with the seconds it has left. */
  hung(): Promise<unknown>;
  /** Resolves when that call was cancelled. */
  cancelled(): Promise<void>;
}

export interface PeerKind {
  /** Says why its tests are not run, where they are not. */
  readonly name: string;
  readonly missing: boolean;
  /** With files: over TLS only, and only with clients whom the authority knows. */
  readonly start: (tls?: TlsFiles) => Promise<Peer>;
}

/** Paths: of the authority, and of certificates of a server and a client with their keys. */
export interface TlsFiles {
  readonly ca: string;
  readonly serverCert: string;
  readonly serverKey: string;
  readonly clientCert: string;
  readonly clientKey: string;
}

export async function writeTlsFiles(folder: string): Promise<TlsFiles> {
  const client = authority.issue({ commonName: 'me', names: ['DNS:me.example'] });
  const write = async (name: string, text: string): Promise<string> => {
    await writeFile(join(folder, name), text);
    return join(folder, name);
  };
  return {
    ca: await write('ca.pem', authority.ca),
    serverCert: await write('server.pem', localhost.cert),
    serverKey: await write('server.key', localhost.key),
    clientCert: await write('client.pem', client.cert),
    clientKey: await write('client.key', client.key),
  };
}

export const peers: readonly PeerKind[] = [
  { name: 'inboard', missing: false, start: startOurs },
  { name: 'grpc-js', missing: false, start: startStock },
  { name: `Python${withoutPython}`, missing: withoutPython !== '', start: startGrpcio },
];

async function startOurs(tls?: TlsFiles): Promise<Peer> {
  const { unary, ...seen } = behaviour();
  if (tls === undefined) {
    const pair = await startPair({ unary });
    const end = async (): Promise<void> => pair[Symbol.asyncDispose]();
    return { ...seen, port: pair.port, [Symbol.asyncDispose]: end };
  }
  const credentials = serverTls(
    { ca: authority.ca, ...localhost },
    { clientCertificate: 'require' },
  );
  const server = await startSecure({ credentials, implementation: { unary } });
  const end = async (): Promise<void> => server[Symbol.asyncDispose]();
  return { ...seen, port: server.port, [Symbol.asyncDispose]: end };
}

async function startStock(tls?: TlsFiles): Promise<Peer> {
  const { unary, ...seen } = behaviour();
  const pair = { private_key: Buffer.from(localhost.key), cert_chain: Buffer.from(localhost.cert) };
  const credentials =
    tls === undefined
      ? grpc.ServerCredentials.createInsecure()
      : grpc.ServerCredentials.createSsl(Buffer.from(authority.ca), [pair], true);
  const service = { ...(shapes as unknown as PeerService), unary };
  const server = await stockServer(service, { credentials });
  return { ...seen, port: server.port, [Symbol.asyncDispose]: async () => server.stop() };
}

async function startGrpcio(tls?: TlsFiles): Promise<Peer> {
  const files = tls === undefined ? [] : [tls.ca, tls.serverCert, tls.serverKey];
  const python = startPython('server', ...files);
  const { port } = await python.line();
  return {
    port: Number(port),
    hung: async () => (await python.line())['remaining'],
    async cancelled() {
      if ((await python.line())['ended'] !== true) throw new Error('It was not cancelled');
    },
    [Symbol.asyncDispose]: () => python[Symbol.asyncDispose](),
  };
}

/** What the Python peer does, for servers in this process. */
function behaviour(): Pick<Peer, 'hung' | 'cancelled'> & {
  readonly unary: (
    request: UnaryRequest,
    context: CallContext & PeerContext,
  ) => Promise<UnaryRequest>;
} {
  const hung = deferred<number>();
  const cancelled = deferred();
  return {
    hung: () => hung.promise,
    cancelled: () => cancelled.promise,
    async unary(request, { metadata, header, trailer, signal, remainingMs }) {
      for (const [key, values] of metadata) {
        if (!key.startsWith('x-')) continue;
        for (const value of values) {
          header.append(key, value);
          trailer.append(key, value);
        }
      }
      if (request.sample?.text === 'fail') {
        throw new ServerError(Status.OUT_OF_RANGE, 'Größe 100% 🧊\n');
      }
      if (request.sample?.text === 'hang') {
        signal.addEventListener('abort', () => cancelled.resolve());
        hung.resolve((remainingMs?.() ?? Number.NaN) / 1_000);
        await cancelled.promise;
      }
      return request;
    },
  };
}
