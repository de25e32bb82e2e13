import { formatHostPort, isLoopback, parseHostPort } from '../core/address.ts';
import { ConfigError } from '../core/errors.ts';
import type { Address } from '../core/transport.ts';

/** A target URI in its parts (gRPC naming.md). */
export interface Target {
  readonly uri: string;
  readonly scheme: string;
  /** Between `//` and `/`: mostly empty. */
  readonly authority: string;
  readonly path: string;
}

/** An address and the name its server goes by. */
export interface ResolvedEndpoint {
  readonly address: Address;
  /** `:authority` of calls to it. */
  readonly authority: string;
  /** The name its certificate must carry. */
  readonly serverName: string;
}

const EXAMPLES =
  "'dns:///orders:50051', 'static:///a:1,b:2', 'file:///run/orders' or 'unix:/run/orders.sock'";

/** Parses a target; one without a scheme, like `localhost:50051`, is taken for DNS. */
export function parseTarget(uri: string): Target {
  const match = /^(?:([a-z][a-z0-9+.-]*):(?!\d+$)(?:\/\/([^/]*)\/)?)?(.*)$/i.exec(uri);
  const path = match?.[3] ?? '';
  if (path === '' || /\s/.test(uri) || path.startsWith('//')) {
    throw new ConfigError(`The target '${uri}' does not parse: write it as ${EXAMPLES}`);
  }
  return { uri, scheme: (match?.[1] ?? 'dns').toLowerCase(), authority: match?.[2] ?? '', path };
}

/**
 * A target as logs, metrics and consoles may have it: without the user and the password that the
 * authority of a scheme of your own may hold.
 */
export function shownTarget(uri: string): string {
  return uri.replace(/^([a-z][a-z0-9+.-]*:\/\/)[^/]*@/i, '$1…@');
}

/**
 * The endpoint that `host:port`, `[v6]:port` or `unix:PATH` names. It goes by the host as written:
 * `orders:50051` is called as such, and must show a certificate for `orders`. A socket file goes
 * by `localhost`. `what` says in errors where the text stands. Throws a `ConfigError`.
 */
export function parseEndpoint(text: string, what: string = 'an endpoint'): ResolvedEndpoint {
  if (text.startsWith('unix:')) {
    const path = text.slice('unix:'.length).replace(/^\/\/\//, '/');
    if (path === '') {
      throw new ConfigError(`'${text}' in ${what} has no path: write unix:/run/orders.sock`);
    }
    return { address: { kind: 'unix', path }, authority: 'localhost', serverName: 'localhost' };
  }
  const { host, port } = parseHostPort(text, what);
  return {
    address: { kind: 'tcp', host, port },
    authority: formatHostPort(host, port),
    serverName: host,
  };
}

/** True for an endpoint that calls reach without leaving the machine. */
export function isLocal({ address }: ResolvedEndpoint): boolean {
  return address.kind === 'unix' || isLoopback(address.host);
}
