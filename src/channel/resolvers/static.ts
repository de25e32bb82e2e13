import { ConfigError } from '../../core/errors.ts';
import type { Resolver, ResolverFactory } from '../resolver.ts';
import type { ResolvedEndpoint } from '../target.ts';
import { isLocal, parseEndpoint } from '../target.ts';

/** `static:///a:1,b:2`: a list that never changes. */
export const staticResolver: ResolverFactory = ({ path, uri, authority }) => {
  if (authority !== '') {
    throw new ConfigError(`'${uri}': a static target has three slashes, as in static:///a:1,b:2`);
  }
  return fixedResolver(path.split(',').map((text) => parseEndpoint(text, `target '${uri}'`)));
};

/** `unix:relative`, `unix:/absolute` or `unix:///absolute`: one socket file. */
export const unixResolver: ResolverFactory = ({ path, authority, uri }) => {
  if (authority !== '') {
    throw new ConfigError(`'${uri}': a unix target has no host: write unix:/path or unix:///path`);
  }
  const absolute = uri.startsWith('unix://') ? `/${path}` : path;
  const address = { kind: 'unix', path: absolute } as const;
  return fixedResolver([{ address, authority: 'localhost', serverName: 'localhost' }]);
};

/** Tells a list that is known beforehand, once. */
export function fixedResolver(endpoints: readonly ResolvedEndpoint[]): Resolver {
  return {
    loopback: endpoints.every(isLocal),
    start: (listener) => listener.endpoints(endpoints),
    resolveNow() {},
    close() {},
  };
}
