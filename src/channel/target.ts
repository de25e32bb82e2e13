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

const EXAMPLES = "'dns:///orders:50051', 'static:///a:1,b:2' or 'unix:/run/orders.sock'";

/** Parses a target; one without a scheme, like `localhost:50051`, is taken for DNS. */
export function parseTarget(uri: string): Target {
  const match = /^(?:([a-z][a-z0-9+.-]*):(?!\d+$)(?:\/\/([^/]*)\/)?)?(.*)$/i.exec(uri);
  const path = match?.[3] ?? '';
  if (path === '' || /\s/.test(uri) || path.startsWith('//')) {
    throw new ConfigError(`The target '${uri}' does not parse: write it as ${EXAMPLES}`);
  }
  return { uri, scheme: (match?.[1] ?? 'dns').toLowerCase(), authority: match?.[2] ?? '', path };
}
