import type { Http2SecureServer, Http2Server } from 'node:http2';
import { createSecureServer, createServer } from 'node:http2';

import { formatAddress } from '../../core/address.ts';
import type { ServerTlsCredentials, TlsMaterial } from '../../core/credentials.ts';
import { ListenError } from '../../core/errors.ts';
import type { Address, ListenOptions } from '../../core/transport.ts';
import { readMaterial, serverOptions } from './tls.ts';

export type AnyServer = Http2Server | Http2SecureServer;

/** Above this, Node resets the stream by itself; below, the limits answer with a clear status. */
const MAX_HEADER_PAIRS = 1_000;

/** How much a stream may send ahead of its reader. Larger than HTTP/2's 64 KiB, for throughput. */
export const WINDOW_BYTES: number = 1024 * 1024;

/** An HTTP/2 server that does not listen yet, and what ends its watch over its certificate. */
export async function makeServer(
  options: ListenOptions,
): Promise<{ server: AnyServer; stopReload: (() => void) | undefined }> {
  const { credentials, maxConcurrentStreams, handshakeTimeoutMs, floods } = options;
  const common = {
    settings: { maxConcurrentStreams, initialWindowSize: WINDOW_BYTES },
    maxHeaderListPairs: MAX_HEADER_PAIRS,
    streamResetBurst: floods.resetBurst,
    streamResetRate: floods.resetsPerSecond,
    maxSessionInvalidFrames: floods.invalidFrames,
    maxSessionRejectedStreams: floods.rejectedStreams,
    maxSettings: floods.settingsEntries,
  };
  if (credentials.kind === 'insecure') {
    return { server: createServer(common), stopReload: undefined };
  }
  const material = await readMaterial(credentials.source);
  const server = createSecureServer({
    ...common,
    ...serverOptions(material, credentials.clientCertificate),
    requestCert: credentials.clientCertificate !== 'none',
    rejectUnauthorized: credentials.clientCertificate === 'require',
    handshakeTimeout: handshakeTimeoutMs,
    allowHTTP1: false,
  });
  return { server, stopReload: reloadCertificates(server, credentials, material, options) };
}

/** Asks for the certificate again from time to time; a failing source keeps the last good one. */
function reloadCertificates(
  server: Http2SecureServer,
  credentials: ServerTlsCredentials,
  first: TlsMaterial,
  options: ListenOptions,
): (() => void) | undefined {
  const { source, reloadMs, clientCertificate } = credentials;
  if (typeof source !== 'function') return undefined;
  const { clock, logger } = options.runtime;
  let current = JSON.stringify(first);
  let stopped = false;
  const reload = async (): Promise<void> => {
    try {
      const material = await readMaterial(source);
      const text = JSON.stringify(material);
      if (text !== current) {
        server.setSecureContext(serverOptions(material, clientCertificate));
        current = text;
      }
    } catch (error) {
      logger.error({ err: error }, 'certificate reload failed; the last good one stays');
    }
    if (!stopped) arm();
  };
  const arm = (): void => {
    timer = clock.setTimer(clock.now() + reloadMs, () => void reload());
  };
  let timer = clock.setTimer(clock.now() + reloadMs, () => void reload());
  return () => {
    stopped = true;
    timer.clear();
  };
}

/** Why an address could not be opened, and what to do. */
export function listenError(address: Address, error: NodeJS.ErrnoException): ListenError {
  const text = formatAddress(address);
  const hints: Record<string, string> = {
    EADDRINUSE: 'is in use: stop the process that holds it, or listen on port 0 for a free one',
    EACCES: 'may not be opened by this user: choose a port above 1023 or another path',
    EADDRNOTAVAIL: 'is no address of this machine',
    ENOTFOUND: 'does not resolve',
  };
  const hint = hints[error.code ?? ''] ?? `cannot be opened: ${error.message}`;
  return new ListenError(text, `${text} ${hint}`, error);
}
