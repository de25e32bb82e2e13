import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import type { AddressInfo, Server, Socket } from 'node:net';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';

import { createAdmin, createRuntime } from '../../src/index.ts';
import { root } from '../../scripts/lib/run.ts';
import { startPair } from '../support/harness.ts';
import type { CliOptions } from './cli.ts';
import { sampleState, startConsole } from './console-fixture.ts';
import { makeDescriptors, NOWHERE } from './descriptors.ts';

/** A command line of `inboard`; words in capitals after a $ are places of the world. */
export interface CommandLine {
  readonly args: readonly string[];
  readonly options: CliOptions;
}

/** All that commands may want to meet. */
export interface World extends AsyncDisposable {
  /** Splits at spaces, and fills in: SERVER, ADMIN, CONSOLE, IMAGE, FRESH, HOLE, NOWHERE; as $SERVER. */
  commandLine(text: string): CommandLine;
  /** Resolves when somebody has come to $HOLE, with what resolves when they have left it. */
  visited(): Promise<{ readonly left: Promise<void> }>;
}

export async function makeWorld(): Promise<World> {
  const made = await makeDescriptors();
  const pair = await startPair({}, { server: { reflection: { descriptors: made.image } } });
  const console = await startConsole(sampleState());
  const runtime = createRuntime();
  const admin = createAdmin({ runtime });
  const { url } = await admin.listen('127.0.0.1:0');
  const hole = createServer().listen(0, '127.0.0.1');
  await once(hole, 'listening');
  const holePort = (hole.address() as AddressInfo).port;
  const project = await makeProject();
  const slow = await makeSlowProject(holePort);
  const places: Readonly<Record<string, string>> = {
    ADMIN: url,
    SERVER: `127.0.0.1:${pair.port}`,
    CONSOLE: console.url,
    IMAGE: made.image,
    HOLE: `127.0.0.1:${holePort}`,
    NOWHERE,
  };
  let names = 0;
  return {
    commandLine(text) {
      // `slow: …` is started where buf never ends, and everything else in a project.
      const [, where, words = ''] = /^(slow: )?(.*)$/.exec(text) ?? [];
      const args = words.split(' ').map((word) =>
        word.replace(/\$([A-Z]+)/, (_whole, name: string) => {
          const place = name === 'FRESH' ? `fresh-${++names}` : places[name];
          if (place === undefined) throw new Error(`no place $${name}`);
          return place;
        }),
      );
      return { args, options: { cwd: where === undefined ? project : slow } };
    },
    visited: () => visit(hole),
    async [Symbol.asyncDispose]() {
      hole.close();
      await admin[Symbol.asyncDispose]();
      await console[Symbol.asyncDispose]();
      await pair[Symbol.asyncDispose]();
      await made.remove();
      for (const folder of [project, slow]) await rm(folder, { recursive: true });
    },
  };
}

async function visit(hole: Server): Promise<{ readonly left: Promise<void> }> {
  const [socket] = (await once(hole, 'connection')) as [Socket];
  return { left: finished(socket.resume(), { error: false }).catch(() => undefined) };
}

/** What generates code, with the plugin from its sources. */
const CODE = `version: v2
plugins:
  - local: ${join(root, 'scripts/bin/protoc-gen-inboard')}
    out: generated
    strategy: all
    opt: [esModuleInterop=true, importSuffix=.ts, outputServices=generic-definitions]
`;

async function makeProject(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'inboard-world-'));
  await mkdir(join(folder, 'proto/shop/v1'), { recursive: true });
  await mkdir(join(folder, 'src'));
  await writeFile(join(folder, 'buf.yaml'), 'version: v2\nmodules:\n  - path: proto\n');
  await writeFile(join(folder, 'buf.gen.yaml'), 'version: v2\nplugins: []\n');
  await writeFile(join(folder, 'code.yaml'), CODE);
  const contract = 'syntax = "proto3";\npackage shop.v1;\nmessage Shop {}\n';
  await writeFile(join(folder, 'proto/shop/v1/shop.proto'), contract);
  await writeFile(join(folder, 'src/server.ts'), 'setInterval(() => {}, 1_000);\n');
  await symlink(join(import.meta.dirname, '../../node_modules'), join(folder, 'node_modules'));
  return folder;
}

/** A project whose buf goes to the hole and waits there: a wrapper of a process, as the real one. */
async function makeSlowProject(port: number): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'inboard-slow-'));
  const bin = join(folder, 'node_modules/.bin');
  await mkdir(bin, { recursive: true });
  const wait = `require('node:net').connect(${port}, '127.0.0.1').resume()`;
  const wrapper = `#!/usr/bin/env node
require('node:child_process').spawnSync(process.execPath, ['-e', ${JSON.stringify(wait)}]);
`;
  await writeFile(join(bin, 'buf'), wrapper);
  await chmod(join(bin, 'buf'), 0o755);
  for (const file of ['buf.yaml', 'buf.gen.yaml', 'server.js']) {
    await writeFile(join(folder, file), '');
  }
  return folder;
}
