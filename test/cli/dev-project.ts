import { once } from 'node:events';
import { chmod, cp, mkdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { connect, createServer, type AddressInfo } from 'node:net';
import { delimiter, dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';

import type { DevEvent } from '../../src/cli/dev/dev-event.ts';
import { root } from '../../scripts/lib/run.ts';
import { fixtureTree } from '../tooling/fixture-tree.ts';
import type { StartedCli } from './cli.ts';
import { startInboard } from './cli.ts';

export const CONTRACT = 'proto/shop/v1/shop.proto';
export const GENERATED = 'generated/shop/v1/shop.ts';

/** A contract with one message, whose fields these are. */
export function contract(fields: string): string {
  return `syntax = "proto3";\n\npackage shop.v1;\n\nmessage Shop {\n  ${fields}\n}\n`;
}

/** Answers each connection with what it was started from. */
const SERVER = `import { createServer } from 'node:net';
import { Shop } from '../generated/shop/v1/shop.ts';
import { greeting } from './greeting.ts';

const fields = Object.keys(Shop.fromPartial({}));
const port = Number(process.argv[2] ?? 0);
createServer((socket) => socket.end(JSON.stringify({ greeting, fields, pid: process.pid })))
  .listen(port, '127.0.0.1', () => console.log('listening for', greeting, fields.join()));
`;

const TSCONFIG = {
  compilerOptions: {
    module: 'nodenext',
    target: 'es2024',
    types: ['node'],
    strict: true,
    allowImportingTsExtensions: true,
    noEmit: true,
    skipLibCheck: true,
  },
  include: ['src', 'generated'],
};

/** A user's project, which goes when the test is over. */
export class DevProject {
  readonly folder: string;

  private constructor(folder: string) {
    this.folder = folder;
  }

  static async make(files: Readonly<Record<string, string>> = {}): Promise<DevProject> {
    const folder = await fixtureTree({
      'package.json': '{"type": "module"}',
      'buf.yaml': 'version: v2\nmodules:\n  - path: proto\n',
      'tsconfig.json': JSON.stringify(TSCONFIG),
      [CONTRACT]: contract('string name = 1;'),
      'src/server.ts': SERVER,
      'src/greeting.ts': "export const greeting: string = 'hello';\n",
      ...files,
    });
    await cp(join(root, 'buf.gen.yaml'), join(folder, 'buf.gen.yaml'));
    await symlink(join(root, 'node_modules'), join(folder, 'node_modules'));
    return new DevProject(folder);
  }

  async write(file: string, content: string): Promise<void> {
    await mkdir(dirname(join(this.folder, file)), { recursive: true });
    await writeFile(join(this.folder, file), content);
  }

  /** As editors save: a new file takes the place of the old one. */
  async replace(file: string, content: string): Promise<void> {
    await this.write(`${file}.tmp`, content);
    await rename(join(this.folder, `${file}.tmp`), join(this.folder, file));
  }

  /** Makes a file one that can be run. */
  async allow(file: string): Promise<void> {
    await chmod(join(this.folder, file), 0o755);
  }

  async move(from: string, to: string): Promise<void> {
    await rename(join(this.folder, from), join(this.folder, to));
  }

  async remove(file: string): Promise<void> {
    await rm(join(this.folder, file), { recursive: true });
  }

  read(file: string): Promise<string> {
    return readFile(join(this.folder, file), 'utf8');
  }

  /** Starts `inboard dev -o json` in it. */
  dev(...args: string[]): StartedDev {
    return this.people('-o', 'json', ...args);
  }

  /** Starts `inboard dev` in it, as people do. */
  people(...args: string[]): StartedDev {
    // Where a package's own commands would be installed.
    const path = [join(root, 'scripts/bin'), process.env['PATH']].join(delimiter);
    return new StartedDev(
      startInboard(['dev', ...args], { cwd: this.folder, env: { PATH: path } }),
    );
  }
}

type Named<E extends DevEvent['event']> = DevEvent & { readonly event: E };

/** A run of `inboard dev -o json`, and its events in their order. */
export class StartedDev implements AsyncDisposable {
  readonly run: StartedCli;
  private readonly lines: AsyncIterator<string>;

  constructor(run: StartedCli) {
    this.run = run;
    if (run.child.stdout === null) throw new Error('stdout is no pipe');
    this.lines = createInterface({ input: run.child.stdout })[Symbol.asyncIterator]();
  }

  /** The server ends with it, or its output would stay open. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.run.child.kill('SIGKILL');
    await this.run.ended;
  }

  async next(): Promise<DevEvent> {
    const line = await this.lines.next();
    if (line.done === true) throw new Error(`It ended: ${(await this.run.ended).stderr}`);
    return JSON.parse(line.value) as DevEvent;
  }

  /** Reads on until an event of this name. */
  async until<E extends DevEvent['event']>(name: E): Promise<Named<E>> {
    for (;;) {
      const event = await this.next();
      if (event.event === name) return event as Named<E>;
    }
  }

  /** The names of the events from here until one of this name, with it. */
  async namesUntil(name: DevEvent['event']): Promise<string[]> {
    const names: string[] = [];
    while (names.at(-1) !== name) names.push((await this.next()).event);
    return names;
  }
}

/** A port that nothing listens on. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** What the server of a project answers. */
export async function ask(port: number): Promise<unknown> {
  return JSON.parse(await text(connect(port, '127.0.0.1')));
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
