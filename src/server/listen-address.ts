import { formatAddress, isLoopback, parseHostPort } from '../core/address.ts';
import type { ServerCredentials } from '../core/credentials.ts';
import { insecure } from '../core/credentials.ts';
import { ConfigError } from '../core/errors.ts';
import type { Address } from '../core/transport.ts';

/** Parses `host:port`, `[v6]:port`, `:port` (every interface) or `unix:/path`. */
export function parseListenAddress(text: string): Address {
  if (typeof text !== 'string') {
    throw new ConfigError(
      `listen(${String(text)}): give an address as text, like '127.0.0.1:50051'`,
    );
  }
  if (text.startsWith('unix:')) {
    const path = text.slice('unix:'.length).replace(/^\/\/\//, '/');
    if (path === '') throw new ConfigError(`'${text}' has no path: write unix:/run/orders.sock`);
    return { kind: 'unix', path };
  }
  const { host, port } = parseHostPort(text.startsWith(':') ? `[::]${text}` : text, 'listen()');
  return { kind: 'tcp', host, port };
}

/** True for an address that only this machine reaches. */
export function isLocal(address: Address): boolean {
  return address.kind === 'unix' || isLoopback(address.host);
}

/** Plaintext is implied where only this machine can listen in, and must be said elsewhere. */
export function listenCredentials(
  address: Address,
  credentials: ServerCredentials | undefined,
  local: boolean,
): ServerCredentials {
  if (credentials !== undefined) return credentials;
  if (local) return insecure();
  throw new ConfigError(
    `${formatAddress(address)} is reachable from other machines: pass credentials, ` +
      'serverTls({ cert, key }), or insecure() to serve in plaintext',
  );
}
