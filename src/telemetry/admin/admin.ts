import { formatHostPort } from '../../core/address.ts';
import type { AdminBound, AdminListener, AdminOptions } from '../../core/admin.ts';
import type { Address } from '../../core/transport.ts';
import { ConfigError } from '../../core/errors.ts';
import { parseListenAddress } from '../../server/listen-address.ts';
import type { AdminParts } from './routes.ts';

/** The admin listeners of a process, or of one server. */
export class Admin implements AdminListener {
  private readonly parts: AdminParts;
  private readonly open = new Set<AdminBound>();
  private ended = false;

  constructor(parts: AdminParts) {
    this.parts = parts;
  }

  async listen(address: string, options: AdminOptions = {}): Promise<AdminBound> {
    this.refuseAfterEnd();
    const { host, port } = tcpAddress(address);
    // What only those need who listen is loaded when they do.
    const { openListener } = await import('./open-listener.ts');
    const listener = await openListener(this.parts, host, port, options);
    const bound: AdminBound = {
      port: listener.port,
      url: `http://${formatHostPort(host, listener.port)}`,
      [Symbol.asyncDispose]: () => {
        this.open.delete(bound);
        return listener.close();
      },
    };
    this.open.add(bound);
    if (this.ended) await this[Symbol.asyncDispose]();
    this.refuseAfterEnd();
    return bound;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.ended = true;
    await Promise.all([...this.open].map((bound) => bound[Symbol.asyncDispose]()));
  }

  private refuseAfterEnd(): void {
    if (!this.ended) return;
    throw new ConfigError('This admin has ended and cannot listen again: make a new one');
  }
}

/** As a server's addresses are written; without a host, only this machine can get in. */
function tcpAddress(text: string): Extract<Address, { kind: 'tcp' }> {
  const address = parseListenAddress(
    typeof text === 'string' && text.startsWith(':') ? `127.0.0.1${text}` : text,
  );
  if (address.kind === 'tcp') return address;
  throw new ConfigError(`An admin listener is asked by browsers: '${text}' must be a host:port`);
}
