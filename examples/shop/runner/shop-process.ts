import { join, relative } from 'node:path';
import { parseArgs } from 'node:util';

import {
  type AdminBound,
  type AdminListener,
  type Channel,
  createAdmin,
  createRuntime,
  ListenError,
  type PolicyFile,
  policyFile,
  type PolicySource,
  type ReflectionOptions,
  type Runtime,
  type Server,
} from '../../../src/index.ts';
import { eventLog } from './log.ts';
import { Meter } from './meter.ts';
import type { ChildMessage, SupervisorMessage, Tone, Whereabouts } from './protocol.ts';
import { Lookout } from './standing.ts';
import { Troublemaker } from './trouble.ts';
import { parseFeatures, without } from './without.ts';

const REPORT_EVERY_MS = 500;
/** How long calls in flight may take once the shop closes. */
const GRACE_MS = 3_000;
const ANY_PORT = '127.0.0.1:0';

/** As messages show it: from where the program was started. */
export const POLICY_FILE: string = relative(
  process.cwd(),
  join(import.meta.dirname, '..', 'policy.yaml'),
);

/** The contracts in a form that a server can tell, which the console's form asks for. */
export const REFLECTION: ReflectionOptions = {
  descriptors: join(import.meta.dirname, '..', '..', '..', 'generated', 'descriptors.binpb'),
};

/**
 * A process of the shop, as its own program sees it: its name, where the others are, its policy,
 * and when to end. Under a supervisor it reports over IPC; started by hand it prints instead.
 */
export class ShopProcess {
  readonly name: string;
  readonly meter = new Meter();
  readonly troublemaker = new Troublemaker();
  /** With a log that the shop's table shows. */
  readonly runtime: Runtime = createRuntime({ logger: eventLog((...line) => this.tell(...line)) });
  private readonly lookout = new Lookout();
  private readonly args: Readonly<Record<string, string | undefined>>;
  private readonly supervised = process.send !== undefined;
  private readonly abandoned = (): never => process.exit(1);
  private readonly lastReport = (): void => this.report();
  private file: PolicyFile | undefined = undefined;

  constructor(program: string) {
    const string = { type: 'string' } as const;
    const options = {
      name: string,
      listen: string,
      admin: string,
      orders: string,
      inventory: string,
      payments: string,
      policy: string,
      without: string,
    };
    this.args = parseArgs({ options }).values;
    this.name = this.args['name'] ?? program;
    if (!this.supervised) return;
    // A supervisor that is gone, however hard, leaves nothing running.
    if (!process.connected) this.abandoned();
    process.once('disconnect', this.abandoned);
    // A server that drained on a signal ends the process by itself.
    process.once('exit', this.lastReport);
  }

  /** Where another service is: the target that was given as `--orders` and the like. */
  target(service: 'orders' | 'inventory' | 'payments'): string {
    const target = this.args[service];
    if (target !== undefined) return target;
    throw new Error(
      `${this.name} calls ${service}: say where, as in --${service} dns:///HOST:PORT`,
    );
  }

  /** The policy file, watched, less what `--without` turns off. */
  async policy(): Promise<PolicySource> {
    const file = this.args['policy'] ?? POLICY_FILE;
    this.file = await policyFile(file, { runtime: this.runtime });
    return without(this.file, parseFeatures(this.args['without']));
  }

  /** Reports from now on how a client and its channel stand. */
  watch(client: object, channel: Channel): void {
    this.lookout.watch(client, channel);
  }

  /** Writes down that something was done that must not be done twice. */
  executed(method: string, id: string): void {
    this.send({ kind: 'executed', method, id });
  }

  /** Serves until the shop closes; then ends the server and, after it, the clients. */
  async serve(server: Server, clients: readonly AsyncDisposable[] = []): Promise<void> {
    const { address } = await server.listen(this.args['listen'] ?? ANY_PORT);
    const { url } = await this.openAdmin(server.admin);
    await this.untilTold({ address, admin: url });
    // The whole shop closes, callers first: there is nobody left to tell.
    await server.shutdown({ propagationMs: 0, graceMs: GRACE_MS });
    await this.leave(clients);
  }

  /** Runs a process that serves nothing until the shop closes. */
  async untilClosed(): Promise<void> {
    await using admin = createAdmin({ runtime: this.runtime });
    const { url } = await this.openAdmin(admin);
    await this.untilTold({ address: undefined, admin: url });
  }

  /** Opens `/metrics` and `/console`, whose form may call this process: it is a show. */
  private async openAdmin(admin: AdminListener): Promise<AdminBound> {
    const { admin: address = ANY_PORT } = this.args;
    try {
      return await admin.listen(address, { name: this.name, invoke: true });
    } catch (error) {
      // Whoever was here before left its port, and somebody else may have it by now.
      if (!(this.supervised && error instanceof ListenError)) throw error;
      return admin.listen(ANY_PORT, { name: this.name, invoke: true });
    }
  }

  /** Says that the process is ready, and reports from then on. Resolves when the shop closes. */
  private async untilTold(where: Whereabouts): Promise<void> {
    const timer = setInterval(() => this.report(), REPORT_EVERY_MS);
    await new Promise<void>((resolve) => {
      if (this.supervised) {
        process.on('message', (message: SupervisorMessage) => {
          if (message.kind === 'stop') resolve();
          else this.troublemaker.trouble = message.trouble;
        });
        this.send({ kind: 'ready', ...where });
        return;
      }
      const { address, admin } = where;
      // A server has signals of its own; see `signals` in its options.
      if (address === undefined) process.once('SIGINT', () => resolve());
      console.log(`${this.name} is up${address === undefined ? '' : ` on ${address}`}`);
      console.log(`Its console: ${admin}/console`);
    });
    clearInterval(timer);
  }

  /** Reports for the last time. The process ends when nothing in it is running any more. */
  async leave(clients: readonly AsyncDisposable[]): Promise<void> {
    process.off('disconnect', this.abandoned);
    process.off('exit', this.lastReport);
    const reported = new Promise<void>((resolve) => this.report(resolve));
    await this.file?.close();
    await Promise.all(clients.map((client) => client[Symbol.asyncDispose]()));
    if (!this.supervised) return;
    await reported;
    if (process.connected) process.disconnect();
  }

  private report(sent?: () => void): void {
    if (!this.supervised) return;
    const report = this.meter.take();
    const { struck } = this.troublemaker;
    Object.assign(report.struck, struck);
    struck.failed = 0;
    struck.slowed = 0;
    const { standing, changes } = this.lookout.look(report);
    for (const { text, tone } of changes) this.tell(text, tone);
    this.send({ kind: 'report', report, standing }, sent);
  }

  /** A line for people. */
  private tell(text: string, tone: Tone): void {
    if (this.supervised) this.send({ kind: 'event', text, tone });
    else console.log(text);
  }

  private send(message: ChildMessage, sent?: () => void): void {
    if (!this.supervised || !process.connected) {
      sent?.();
      return;
    }
    process.send?.(message, undefined, undefined, () => sent?.());
  }
}
