import { formatHostPort, isLoopback, parseHostPort } from '../../core/address.ts';
import { ConfigError } from '../../core/errors.ts';
import type { Resolver, ResolverFactory } from '../resolver.ts';
import type { ResolvedEndpoint } from '../target.ts';

/** `static:///a:1,b:2`: a list that never changes. */
export const staticResolver: ResolverFactory = (target) => {
  const { path, uri, authority } = target;
  if (authority !== '') {
    throw new ConfigError(`'${uri}': a static target has three slashes, as in static:///a:1,b:2`);
  }
  const hosts = path.split(',').map((text) => parseHostPort(text, `target '${uri}'`));
  return fixedResolver(
    hosts.map(({ host, port }) => ({
      address: { kind: 'tcp', host, port },
      authority: formatHostPort(host, port),
      serverName: host,
    })),
    hosts.every(({ host }) => isLoopback(host)),
  );
};

/** `unix:relative`, `unix:/absolute` or `unix:///absolute`: one socket file. */
export const unixResolver: ResolverFactory = (target) => {
  const { path, authority, uri } = target;
  if (authority !== '') {
    throw new ConfigError(`'${uri}': a unix target has no host: write unix:/path or unix:///path`);
  }
  const absolute = uri.startsWith('unix://') ? `/${path}` : path;
  const address = { kind: 'unix', path: absolute } as const;
  return fixedResolver([{ address, authority: 'localhost', serverName: 'localhost' }], true);
};

function fixedResolver(endpoints: readonly ResolvedEndpoint[], loopback: boolean): Resolver {
  return {
    loopback,
    start: (listener) => listener.endpoints(endpoints),
    resolveNow() {},
    close() {},
  };
}
