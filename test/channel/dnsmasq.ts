import type { ChildProcess } from 'node:child_process';
import { spawn, spawnSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/** Debian's; another one by the environment. */
const DNSMASQ = process.env['INBOARD_DNSMASQ'] ?? '/usr/sbin/dnsmasq';

/** Why the tests that need it do not run; undefined where it is there. */
export const noDnsmasq: string | undefined =
  spawnSync(DNSMASQ, ['--version']).status === 0 ? undefined : `there is no ${DNSMASQ}`;

/** How often a port is tried that somebody else may take meanwhile. */
const TRIES = 5;

/** A DNS server of its own process, for the names below `.test`. */
export interface Dnsmasq extends AsyncDisposable {
  /** Where it listens. */
  readonly address: string;
  /** Answers with these lines of a hosts file from now on. */
  setHosts(...lines: string[]): Promise<void>;
  /** Ends it at once. */
  kill(): Promise<void>;
}

/** `records`: further options, such as `--srv-host=…`. */
export async function startDnsmasq(...records: string[]): Promise<Dnsmasq> {
  const folder = await mkdtemp(join(tmpdir(), 'inboard-dns-'));
  const hosts = join(folder, 'hosts');
  await writeFile(hosts, '');
  for (let i = 1; ; i++) {
    const port = await freePort();
    const server = run(port, hosts, records);
    // It reads the file when it has opened its port; without one it ends.
    if (await server.says(`read ${hosts}`)) return dnsmasq(server, port, hosts, folder);
    if (i === TRIES) throw new Error(`dnsmasq does not start: ${server.log.join('\n')}`);
  }
}

function dnsmasq(server: Running, port: number, hosts: string, folder: string): Dnsmasq {
  const kill = async (): Promise<void> => {
    server.child.kill('SIGKILL');
    await server.exited;
  };
  return {
    address: `127.0.0.1:${port}`,
    async setHosts(...lines) {
      await writeFile(hosts, lines.join('\n'));
      server.child.kill('SIGHUP');
      if (!(await server.says(`read ${hosts}`))) throw new Error('dnsmasq ended');
    },
    kill,
    async [Symbol.asyncDispose]() {
      await kill();
      await rm(folder, { recursive: true });
    },
  };
}

interface Running {
  readonly child: ChildProcess;
  readonly exited: Promise<unknown>;
  readonly log: string[];
  /** Resolves when it logs such a line that nobody waited for before; to false at its end. */
  says(part: string): Promise<boolean>;
}

function run(port: number, hosts: string, records: readonly string[]): Running {
  const child = spawn(
    DNSMASQ,
    [
      '--keep-in-foreground',
      '--conf-file=/dev/null',
      '--log-facility=-',
      '--pid-file',
      '--no-resolv',
      '--no-hosts',
      `--user=${userInfo().username}`,
      `--port=${port}`,
      '--listen-address=127.0.0.1',
      '--bind-interfaces',
      '--local=/test/',
      `--addn-hosts=${hosts}`,
      ...records,
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  const exited = once(child, 'exit');
  const lines = createInterface({ input: child.stderr as NodeJS.ReadableStream });
  const next = lines[Symbol.asyncIterator]();
  const log: string[] = [];
  return {
    child,
    exited,
    log,
    async says(part) {
      for (let line = await next.next(); line.done !== true; line = await next.next()) {
        log.push(line.value);
        if (line.value.includes(part)) return true;
      }
      return false;
    },
  };
}

async function freePort(): Promise<number> {
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const { port } = socket.address();
  socket.close();
  await once(socket, 'close');
  return port;
}
