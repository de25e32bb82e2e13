import { BlockList, isIP } from 'node:net';

import { ConfigError } from './errors.ts';
import type { Address } from './transport.ts';

/** `host:port`, with brackets around IPv6. */
export function formatHostPort(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** `host:port`, `[v6]:port` or `unix:PATH`. */
export function formatAddress(address: Address): string {
  return address.kind === 'unix'
    ? `unix:${address.path}`
    : formatHostPort(address.host, address.port);
}

/** The host of a peer's address, in brackets where it is IPv6; `unix` of every Unix socket. */
export function withoutPort(address: string): string {
  if (address.startsWith('unix:')) return 'unix';
  const port = address.lastIndexOf(':');
  return port === -1 ? address : address.slice(0, port);
}

/** Parses `host:port`, `[v6]:port` or `host` where a default port makes up for the missing one. */
export function parseHostPort(
  text: string,
  what: string,
  defaultPort?: number,
): { host: string; port: number } {
  const match = /^(?:\[([0-9a-f:.%\w]+)\]|([^:[\]\s/,]+))(?::(\d{1,5}))?$/i.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = match?.[3] === undefined ? defaultPort : Number(match[3]);
  if (host === undefined || (match?.[1] !== undefined && isIP(host) !== 6)) {
    throw new ConfigError(`'${text}' in ${what} is no host:port ([v6]:port for IPv6)`);
  }
  if (port === undefined)
    throw new ConfigError(`'${text}' in ${what} has no port: write host:port`);
  if (port > 65_535) throw new ConfigError(`Port ${port} in ${what} is above 65535`);
  return { host, port };
}

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4');
LOOPBACK.addAddress('::1', 'ipv6');

/** True for a host that never leaves the machine, by its name alone: nothing is resolved. */
export function isLoopback(host: string): boolean {
  const family = isIP(host);
  if (family === 0) return host === 'localhost' || host.endsWith('.localhost');
  return LOOPBACK.check(host, family === 4 ? 'ipv4' : 'ipv6');
}
