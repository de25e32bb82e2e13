import type { IncomingHttpHeaders } from 'node:http';
import { isIP } from 'node:net';

import { isLoopback } from '../../core/address.ts';

/** What a listener is asked for by. */
export interface GuardOptions {
  /** The host that it listens on. */
  readonly host: string;
  /** `name`, or `name:port`. */
  readonly allowedHosts: readonly string[];
}

/** What of a request tells where it comes from. */
export interface Asked {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
}

/** Pages that a link elsewhere may open: they tell nothing to the page that the link is on. */
const LINKED: ReadonlySet<string> = new Set(['/', '/console']);

/**
 * Keeps pages of elsewhere out. A page that a browser shows may send requests to any address, and
 * reads the answers where its own name was made to resolve to here (DNS rebinding). A browser tells
 * the name in `Host` and the page in `Origin` and `Sec-Fetch-Site`; no page can change them.
 *
 * `Host` may be a name of the loopback, one of `allowedHosts`, and, where the listener is open to
 * other machines, any IP address: rebinding needs a name, and Prometheus asks for an IP. Ports may
 * differ, since they do behind a forwarded one. `Origin` must be the very `Host`, or allowed.
 */
export class Guard {
  private readonly local: boolean;
  private readonly host: string;
  private readonly allowed: ReadonlySet<string>;

  constructor({ host, allowedHosts }: GuardOptions) {
    this.host = host.toLowerCase();
    this.local = isLoopback(host);
    this.allowed = new Set(allowedHosts.map((name) => name.toLowerCase()));
  }

  /** Why a request is refused, or undefined. */
  refuse({ method, path, headers }: Asked): string | undefined {
    const host = headers.host?.toLowerCase() ?? '';
    if (!this.takesHost(host)) {
      return `The host '${shown(host)}' is not served here: name it in allowedHosts`;
    }
    const { origin } = headers;
    if (origin !== undefined && !this.takesOrigin(origin, host)) {
      return `Pages of '${shown(origin)}' may not ask here`;
    }
    const site = headers['sec-fetch-site'];
    if (site === undefined || site === 'same-origin' || site === 'none') return undefined;
    const opens =
      headers['sec-fetch-mode'] === 'navigate' && headers['sec-fetch-dest'] === 'document';
    if (opens && method === 'GET' && LINKED.has(path)) return undefined;
    return 'Pages of other sites may not ask here';
  }

  private takesHost(authority: string): boolean {
    const host = hostOf(authority);
    if (host === undefined) return false;
    if (isLoopback(host) || host === this.host) return true;
    if (this.allowed.has(host) || this.allowed.has(authority)) return true;
    return !this.local && isIP(host) !== 0;
  }

  private takesOrigin(origin: string, host: string): boolean {
    const match = /^https?:\/\/([^/]+)$/.exec(origin.toLowerCase());
    const authority = match?.[1];
    if (authority === undefined) return false;
    const name = hostOf(authority);
    return authority === host || this.allowed.has(authority) || this.allowed.has(name ?? '');
  }
}

/** The host of `host`, `host:port` or `[v6]:port`. */
function hostOf(authority: string): string | undefined {
  const match = /^(?:\[([0-9a-f:.]+)\]|([a-z0-9._-]+))(?::\d{1,5})?$/.exec(authority);
  return match?.[1] ?? match?.[2];
}

function shown(text: string): string {
  return text.length > 100 ? `${text.slice(0, 100)}…` : text;
}
