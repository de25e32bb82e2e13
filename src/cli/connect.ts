import { readFile } from 'node:fs/promises';
import { isIP } from 'node:net';

import type { Channel, ChannelCredentials, ResolvedEndpoint, ResolverFactory } from '../index.ts';
import { createChannel, createRuntime, insecure, Metadata, parseEndpoint, tls } from '../index.ts';
import { fileFailure, usageFailure } from './failure.ts';
import type { TargetOptions } from './options.ts';

/** What a person asked for may be large; the library's own default is 4 MiB. */
const MESSAGE_BYTES = 64 * 1024 * 1024;

/** A channel to the target of the options. */
export async function connect(options: TargetOptions): Promise<Channel> {
  const { target, authority } = options;
  // Empty: INBOARD_TARGET is set to nothing.
  if (target === undefined || target === '') {
    throw usageFailure(
      'No server is named',
      'Add --target localhost:50051, or set INBOARD_TARGET.',
    );
  }
  const credentials = await credentialsOf(options);
  return createChannel(target, {
    ...(credentials === undefined ? {} : { credentials }),
    ...(authority === undefined ? {} : { resolvers: renamed(authority) }),
    limits: { messageBytes: MESSAGE_BYTES },
    // A failure is told once, by the command itself. Who counts callers tells it from others.
    runtime: createRuntime({
      service: 'inboard-cli',
      logger: { error() {}, warn() {}, info() {} },
    }),
  });
}

/** Undefined leaves the choice to the library: plaintext to loopback, TLS to everywhere else. */
async function credentialsOf(options: TargetOptions): Promise<ChannelCredentials | undefined> {
  const { plaintext, cacert, cert, key, servername } = options;
  const files = [cacert, cert, key, servername].some((given) => given !== undefined);
  if (plaintext === true) {
    if (!files && options.tls === undefined) return insecure();
    throw usageFailure(
      '--plaintext and options of TLS contradict each other',
      'Leave one of them.',
    );
  }
  if (!files && options.tls === undefined) return undefined;
  const [ca, own, ownKey] = await Promise.all([
    readPem('--cacert', cacert),
    readPem('--cert', cert),
    readPem('--key', key),
  ]);
  const material = {
    ...(ca === undefined ? {} : { ca }),
    ...(own === undefined ? {} : { cert: own }),
    ...(ownKey === undefined ? {} : { key: ownKey }),
  };
  return tls(material, servername === undefined ? {} : { serverName: servername });
}

async function readPem(option: string, file: string | undefined): Promise<string | undefined> {
  if (file === undefined) return undefined;
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    throw fileFailure(option, file, error);
  }
  if (text.includes('-----BEGIN ')) return text;
  throw usageFailure(
    `${option} '${file}' is no PEM file`,
    'One begins with -----BEGIN; `openssl x509 -in FILE -outform pem` makes one of DER.',
  );
}

/** Resolvers whose endpoints go by another name. They take hosts as they are written. */
function renamed(authority: string): Readonly<Record<string, ResolverFactory>> {
  const serverName = authority.replace(/:\d+$/, '').replaceAll(/^\[|\]$/g, '');
  const resolver: ResolverFactory = ({ path, scheme, uri }) => {
    const texts = scheme === 'unix' ? [uri] : path.split(',');
    const endpoints = texts.map((text) => ({
      ...parseEndpoint(text, `target '${uri}'`),
      authority,
      serverName,
    }));
    return {
      loopback: endpoints.every(isLocal),
      start: (listener) => listener.endpoints(endpoints),
      resolveNow() {},
      close() {},
    };
  };
  return { dns: resolver, static: resolver, unix: resolver };
}

function isLocal({ address }: ResolvedEndpoint): boolean {
  if (address.kind === 'unix') return true;
  const { host } = address;
  if (isIP(host) === 0) return host === 'localhost' || host.endsWith('.localhost');
  return host.startsWith('127.') || host === '::1';
}

/** `-H 'name: value'`, several of a name in their order; names that end with -bin in base64. */
export function requestMetadata(headers: readonly string[]): Metadata {
  const metadata = Metadata();
  for (const header of headers) {
    const [, name, value = ''] = /^\s*([^:\s]+)\s*:\s*(.*)$/s.exec(header) ?? [];
    if (name === undefined) {
      throw usageFailure(`-H '${header}' does not parse`, "Write it as -H 'name: value'.");
    }
    append(metadata, name, value);
  }
  return metadata;
}

function append(metadata: Metadata, name: string, value: string): void {
  const binary = name.toLowerCase().endsWith('-bin');
  if (binary && !/^[\w+/-]*={0,2}$/.test(value)) {
    throw usageFailure(`-H '${name}' must be base64, for its name ends with -bin`);
  }
  try {
    if (binary) metadata.append(name, Buffer.from(value, 'base64'));
    else metadata.append(name, value);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw usageFailure(`-H '${name}' cannot be sent: ${reason}`);
  }
}
