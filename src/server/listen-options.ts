import { checkAllPositive, checkPositive } from '../core/checks.ts';
import type { ServerCredentials } from '../core/credentials.ts';
import type { Runtime } from '../core/runtime.ts';
import type { Limits, ListenOptions } from '../core/transport.ts';
import { DEFAULT_CONNECTIONS, DEFAULT_FLOODS, DEFAULT_LIMITS } from '../core/transport.ts';
import type { ServerOptions } from './options.ts';

/** What a server takes of one call. */
export function callLimits({ limits }: ServerOptions): Limits {
  return checkAllPositive('limits', { ...DEFAULT_LIMITS, ...limits });
}

/** What a transport is told of a server's limits. */
export function listenOptions(
  options: ServerOptions,
  runtime: Runtime,
  credentials: ServerCredentials,
): ListenOptions {
  const { maxConcurrentStreams = 256, handshakeTimeoutMs = 10_000 } = options;
  const { connections, floods } = options;
  return {
    runtime,
    credentials,
    limits: callLimits(options),
    maxConcurrentStreams: checkPositive('maxConcurrentStreams', maxConcurrentStreams),
    handshakeTimeoutMs: checkPositive('handshakeTimeoutMs', handshakeTimeoutMs),
    connections: checkAllPositive('connections', { ...DEFAULT_CONNECTIONS, ...connections }),
    floods: checkAllPositive('floods', { ...DEFAULT_FLOODS, ...floods }),
  };
}
