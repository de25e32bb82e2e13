import { type ChildProcess, spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { writeFile } from 'node:fs/promises';
import { Resolver } from 'node:dns/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

import type { Stage } from './stage.ts';

/** The name that it knows. */
export const NAME = 'shop.lab';

const START_LIMIT_MS = 5_000;

/** A DNS server that serves one name from a file, which it reads again when told. */
export class Dnsmasq {
  /** `ip:port`, as a target names it. */
  readonly address: string;
  private readonly process: ChildProcess;
  private readonly file: string;

  private constructor(port: number, file: string) {
    this.address = `127.0.0.1:${port}`;
    this.file = file;
    this.process = spawn(
      'dnsmasq',
      [
        '--keep-in-foreground',
        '--conf-file=/dev/null',
        '--no-resolv',
        '--no-hosts',
        '--user=',
        '--group=',
        '--pid-file=',
        '--listen-address=127.0.0.1',
        '--bind-interfaces',
        `--port=${port}`,
        `--addn-hosts=${file}`,
      ],
      { stdio: 'ignore' },
    );
    this.process.on('error', () => undefined);
  }

  static async start(stage: Stage, hosts: readonly string[]): Promise<Dnsmasq> {
    const file = join(await stage.folder(), 'hosts');
    await writeFile(file, hostsFile(hosts));
    const server = new Dnsmasq(await freeUdpPort(), file);
    stage.onEnd(() => server.end());
    await server.untilAnswers();
    return server;
  }

  /** The name stands for these addresses from now on. */
  async serve(hosts: readonly string[]): Promise<void> {
    await writeFile(this.file, hostsFile(hosts));
    this.process.kill('SIGHUP');
  }

  private end(): void {
    this.process.kill('SIGKILL');
  }

  private async untilAnswers(): Promise<void> {
    const resolver = new Resolver({ timeout: 200, tries: 1 });
    resolver.setServers([this.address]);
    const endMs = performance.now() + START_LIMIT_MS;
    for (;;) {
      try {
        await resolver.resolve4(NAME);
        return;
      } catch (error) {
        if (performance.now() > endMs) throw new Error('dnsmasq does not answer', { cause: error });
        await delay(50);
      }
    }
  }
}

function hostsFile(hosts: readonly string[]): string {
  return hosts.map((host) => `${host} ${NAME}\n`).join('');
}

async function freeUdpPort(): Promise<number> {
  const socket = createSocket('udp4');
  await new Promise<void>((resolve) => {
    socket.bind(0, '127.0.0.1', () => resolve());
  });
  const { port } = socket.address();
  await new Promise<void>((resolve) => {
    socket.close(() => resolve());
  });
  return port;
}
