import type { ServiceDefinition } from '../core/definition.ts';
import type { Runtime } from '../core/runtime.ts';
import type { Limits, Transport } from '../core/transport.ts';
import type { Authenticator } from '../interceptors/authentication.ts';
import type { AccessRules } from '../interceptors/authorization.ts';
import type { Violation } from '../interceptors/validation.ts';
import type { ReflectionOptions } from './reflection.ts';
import type { ServerInterceptors } from './server-stack.ts';

/** What a server is told where it is made. */
export interface ServerOptions {
  /** Who may be calling; asked in turn. Without any, calls are anonymous. */
  readonly authenticate?: Authenticator | readonly Authenticator[];
  /** Who may call what. Once given, a method that no rule names is refused. */
  readonly authorize?: AccessRules;
  /** Request metadata that calls made in a handler repeat. Default none. */
  readonly propagate?: readonly string[];
  readonly interceptors?: ServerInterceptors;
  /** Longest inbound deadline, in ms. Default one hour. */
  readonly maxTimeoutMs?: number;
  readonly limits?: Partial<Limits>;
  /** Concurrent streams a connection may open. Default 256. */
  readonly maxConcurrentStreams?: number;
  /** TLS handshake and HTTP/2 preface, in ms. Default 10 000. */
  readonly handshakeTimeoutMs?: number;
  /** Serve `grpc.health.v1.Health`. Default true. */
  readonly health?: boolean;
  /** Serve reflection: on loopback listeners, elsewhere only where it says so. Default off. */
  readonly reflection?: ReflectionOptions;
  /** `'bare'` leaves the whole default stack away: for measuring. Default `'default'`. */
  readonly stack?: 'default' | 'bare';
  readonly transport?: Transport;
  readonly runtime?: Runtime;
}

/** What a service is told where it is added. */
export interface ServiceOptions<D extends ServiceDefinition> {
  /** Looks at each request message before the handler does. */
  readonly validate?: {
    readonly [K in keyof D['methods']]?: (
      message: ReturnType<D['methods'][K]['requestType']['decode']>,
    ) => readonly Violation[];
  };
}

/** An open address. */
export interface Bound {
  /** The port, 0 for a unix socket. */
  readonly port: number;
  /** `host:port` or `unix:PATH`, as a target can use it. */
  readonly address: string;
}
