import { type DrainOptions, insecure, type ServerCredentials, serverTls } from 'inboard';
import { tlsFiles } from 'inboard/auth';

/** What the environment says of a server. */
export interface Settings {
  /** LISTEN_ADDRESS: `host:port`, or `unix:PATH`. Default this machine only. */
  readonly listen: string;
  /** ADMIN_ADDRESS: metrics, probes and the console, over HTTP. Default this machine only. */
  readonly admin: string;
  /**
   * TLS_CERT and TLS_KEY: PEM files, read again while the server runs. Or PLAINTEXT=true, where the
   * network may be trusted. With neither, the server listens on loopback only.
   */
  readonly credentials: ServerCredentials | undefined;
  /**
   * DRAIN_PROPAGATION_MS: how long it serves on after SIGTERM, until callers know (default 0: on a
   * developer's machine nobody has to know). DRAIN_GRACE_MS: how long calls may take to end after
   * that (default 10 000).
   */
  readonly drain: DrainOptions;
}

/** Throws where a value makes no sense. */
export function readSettings(env: NodeJS.ProcessEnv = process.env): Settings {
  return {
    listen: env['LISTEN_ADDRESS'] ?? '127.0.0.1:50051',
    admin: env['ADMIN_ADDRESS'] ?? '127.0.0.1:9464',
    credentials: credentialsOf(env),
    drain: {
      propagationMs: milliseconds(env, 'DRAIN_PROPAGATION_MS', 0),
      graceMs: milliseconds(env, 'DRAIN_GRACE_MS', 10_000),
    },
  };
}

/** True where the environment says that the network may be trusted. */
export function isPlaintext(env: NodeJS.ProcessEnv = process.env): boolean {
  const value = env['PLAINTEXT'] ?? 'false';
  if (value === 'true' || value === 'false') return value === 'true';
  throw new Error(`PLAINTEXT is '${value}': write true or false`);
}

function credentialsOf(env: NodeJS.ProcessEnv): ServerCredentials | undefined {
  const { TLS_CERT: cert, TLS_KEY: key } = env;
  if (cert === undefined && key === undefined) return isPlaintext(env) ? insecure() : undefined;
  if (isPlaintext(env)) throw new Error('PLAINTEXT and TLS_CERT contradict each other');
  if (cert === undefined || key === undefined) throw new Error('TLS_CERT needs TLS_KEY beside it');
  return serverTls(tlsFiles({ cert, key }));
}

function milliseconds(env: NodeJS.ProcessEnv, name: string, standard: number): number {
  const value = env[name];
  if (value === undefined) return standard;
  if (/^\d+$/.test(value)) return Number(value);
  throw new Error(`${name} is '${value}': write milliseconds, such as 5000`);
}
