import { parseArgs } from 'node:util';

import type { Server } from '../../../src/index.ts';
import { Meter } from './meter.ts';
import type { ChildMessage, SupervisorMessage } from './protocol.ts';

const REPORT_EVERY_MS = 500;
/** How long calls in flight may take once the process is told to end. */
const GRACE_MS = 3_000;

/**
 * A process of the shop, as its own program sees it: its name, where the others are, and when to
 * end. Under a supervisor it reports over IPC; started by hand it prints its address instead.
 */
export class ShopProcess {
  readonly name: string;
  readonly meter = new Meter();
  private readonly args: Readonly<Record<string, string | undefined>>;
  private readonly supervised = process.send !== undefined;
  private readonly abandoned = (): never => process.exit(1);

  constructor(program: string) {
    const string = { type: 'string' } as const;
    const options = {
      name: string,
      listen: string,
      orders: string,
      inventory: string,
      payments: string,
    };
    this.args = parseArgs({ options }).values;
    this.name = this.args['name'] ?? program;
    if (!this.supervised) return;
    // A supervisor that is gone, however hard, leaves nothing running.
    if (!process.connected) this.abandoned();
    process.once('disconnect', this.abandoned);
  }

  /** Where another service is: the target that was given as `--orders` and the like. */
  target(service: 'orders' | 'inventory' | 'payments'): string {
    const target = this.args[service];
    if (target !== undefined) return target;
    throw new Error(
      `${this.name} calls ${service}: say where, as in --${service} dns:///HOST:PORT`,
    );
  }

  /** Serves until the process is to end; then ends the server and, after it, the clients. */
  async serve(server: Server, clients: readonly AsyncDisposable[] = []): Promise<void> {
    const { address } = await server.listen(this.args['listen'] ?? '127.0.0.1:0');
    await this.untilClosed(address);
    await server.shutdown({ graceMs: GRACE_MS });
    await Promise.all(clients.map((client) => client[Symbol.asyncDispose]()));
    this.leave();
  }

  /** Says that the process is ready, and reports from then on. Resolves when it is to end. */
  async untilClosed(address?: string): Promise<void> {
    const timer = setInterval(() => this.report(), REPORT_EVERY_MS);
    await new Promise<void>((resolve) => {
      process.once('SIGTERM', () => resolve());
      if (this.supervised) {
        process.on('message', ({ kind }: SupervisorMessage) => {
          if (kind === 'stop') resolve();
        });
        this.send({ kind: 'ready', address });
      } else {
        process.once('SIGINT', () => resolve());
        console.log(`${this.name} is up${address === undefined ? '' : ` on ${address}`}`);
      }
    });
    clearInterval(timer);
  }

  /** Reports for the last time. The process ends when nothing in it is running any more. */
  leave(): void {
    if (!this.supervised) return;
    process.off('disconnect', this.abandoned);
    this.report(() => {
      if (process.connected) process.disconnect();
    });
  }

  private report(sent?: () => void): void {
    this.send({ kind: 'report', report: this.meter.take() }, sent);
  }

  private send(message: ChildMessage, sent?: () => void): void {
    if (this.supervised) process.send?.(message, undefined, undefined, () => sent?.());
  }
}
