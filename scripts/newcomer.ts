// From nothing to a first typed call, as a new user would: in an empty folder, from the packed
// package, with the commands that `inboard new` and the README of what it makes give. Fails where
// that takes more than MAX_COMMANDS or MAX_SECONDS, or where the call is not answered.
import { spawn } from 'node:child_process';
import { cp, mkdir, readdir, readFile, realpath, rm, symlink } from 'node:fs/promises';
import { basename, delimiter, join, resolve } from 'node:path';
import { performance } from 'node:perf_hooks';
import { runAsProgram } from './lib/main.ts';
import { withPackedProject } from './lib/pack.ts';
import { root, runOrThrow } from './lib/run.ts';

const MAX_COMMANDS = 6;
const MAX_SECONDS = 120;

/** What the last command prints. */
const ANSWER = 'Hello, world!';

/** Somebody at a terminal; each command is typed once the one before it has done its work. */
class Newcomer {
  private folder: string;
  private readonly env: Record<string, string | undefined>;
  private commands = 0;
  private seconds = 0;
  private printed = '';
  private server: Server | undefined = undefined;

  constructor(folder: string, env: Readonly<Record<string, string | undefined>>) {
    this.folder = folder;
    // Ports of its own, since the usual ones may be in use on this machine.
    this.env = { ...env, LISTEN_ADDRESS: '127.0.0.1:0', ADMIN_ADDRESS: '127.0.0.1:0' };
  }

  /** Runs a command and counts it. */
  async type(command: string): Promise<void> {
    const start = performance.now();
    if (command.startsWith('cd ')) this.folder = join(this.folder, command.slice('cd '.length));
    else if (command === 'npm start') await this.serve(command);
    else this.printed = await this.checked(command);
    const seconds = (performance.now() - start) / 1_000;
    this.commands += 1;
    this.seconds += seconds;
    console.log(`${this.commands}  ${command.padEnd(56)} ${seconds.toFixed(1).padStart(5)} s`);
  }

  /** Runs a command to its end; throws what it printed where it failed. */
  async checked(command: string): Promise<string> {
    const { child, output } = shell(command, this.folder, this.env);
    const code = await new Promise((done) => child.once('close', done));
    if (code === 0) return output();
    throw new Error(`\`${command}\` exited with ${String(code)}:\n${output()}`);
  }

  /** What was needed for the first answer; throws where that was too much. */
  verdict(): string {
    if (!this.printed.split('\n').includes(ANSWER)) {
      throw new Error(`the last command did not print '${ANSWER}':\n${this.printed}`);
    }
    const needed = `${this.commands} commands and ${this.seconds.toFixed(1)} s to '${ANSWER}'`;
    const allowed = `${MAX_COMMANDS} and ${MAX_SECONDS} s are allowed`;
    if (this.commands > MAX_COMMANDS || this.seconds > MAX_SECONDS) {
      throw new Error(`FAILED ${needed}: ${allowed}`);
    }
    return `ok     ${needed} (${allowed})`;
  }

  /** Ends the server, by its own process id, and waits for its end. */
  async stop(): Promise<void> {
    if (this.server === undefined) return;
    process.kill(this.server.pid, 'SIGTERM');
    const code = await this.server.ended;
    if (code !== 0) throw new Error(`npm start exited with ${String(code)} after SIGTERM`);
  }

  private async serve(command: string): Promise<void> {
    this.server = await started(command, this.folder, this.env);
    this.env['SHOP_TARGET'] = this.server.address;
  }
}

/** A server that is up. */
interface Server {
  readonly pid: number;
  readonly address: string;
  /** Resolves with the exit code of what started it. */
  readonly ended: Promise<unknown>;
}

type Environment = Readonly<Record<string, string | undefined>>;

function shell(command: string, cwd: string, env: Environment) {
  const child = spawn('sh', ['-c', command], {
    cwd,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
    // One that hangs has taken too long as well.
    timeout: MAX_SECONDS * 1_000,
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  return { child, output: () => output };
}

/** Resolves once the server says in its log that it serves. */
function started(command: string, cwd: string, env: Environment): Promise<Server> {
  const { child, output } = shell(command, cwd, env);
  const ended = new Promise((done) => child.once('close', done));
  return new Promise((done, fail) => {
    child.stderr.on('data', () => {
      const line = output()
        .split('\n')
        .find((each) => each.includes('is serving"}'));
      if (line === undefined) return;
      const { pid, address } = JSON.parse(line) as {
        readonly pid: number;
        readonly address: string;
      };
      done({ pid, address, ended });
    });
    void ended.then((code) => {
      fail(new Error(`\`${command}\` exited with ${String(code)}:\n${output()}`));
    });
  });
}

/** The commands of the first block of a README, without their comments. */
async function commandsOf(readme: string): Promise<string[]> {
  const text = await readFile(readme, 'utf8');
  const block = /^```sh\n([^]*?)^```$/m.exec(text)?.[1] ?? '';
  return block
    .split('\n')
    .map((line) => line.replace(/\s+#.*$/, '').trim())
    .filter((line) => line !== '');
}

/**
 * The environment of somebody who has Node and npm, and nothing of this project: neither its tools
 * on the PATH, nor the settings of its .npmrc, which npm hands on to what it runs.
 */
async function cleanEnvironment(temporary: string): Promise<Environment> {
  const bin = join(temporary, 'bin');
  await mkdir(bin);
  await symlink(process.execPath, join(bin, 'node'));
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  const others = folders.filter((folder) => !folder.includes('node_modules'));
  const settings = (await readFile(join(root, '.npmrc'), 'utf8'))
    .split('\n')
    .flatMap((line) => /^([a-z-]+)=/.exec(line)?.[1] ?? []);
  const left = settings.map((name) => [`npm_config_${name.replaceAll('-', '_')}`, undefined]);
  return {
    ...process.env,
    ...(Object.fromEntries(left) as Environment),
    PATH: [bin, ...others].join(delimiter),
  };
}

/** npx keeps what it installed for the next time; of this tarball there is none. */
async function forgetPackage(tarball: string): Promise<void> {
  const { stdout } = await runOrThrow('npm', ['config', 'get', 'cache']);
  const cache = join(stdout.trim(), '_npx');
  for (const name of await readdir(cache).catch(() => [])) {
    const kept = join(cache, name);
    const text = await readFile(join(kept, 'package.json'), 'utf8').catch(() => '{}');
    const { dependencies } = JSON.parse(text) as { readonly dependencies?: Environment };
    // Relative to where it is kept.
    const source = dependencies?.['inboard']?.replace(/^file:/, '') ?? '';
    if (resolve(kept, source) === tarball) await rm(kept, { recursive: true });
  }
}

await runAsProgram(import.meta, () =>
  withPackedProject(async (packed, temporary) => {
    const folder = join(await realpath(temporary), 'newcomer');
    const tarball = join(folder, basename(packed));
    await cp(packed, tarball);
    const newcomer = new Newcomer(folder, await cleanEnvironment(temporary));
    try {
      await newcomer.type(`npx --yes --package ./${basename(tarball)} inboard new shop`);
      await newcomer.type('cd shop');
      for (const command of await commandsOf(join(folder, 'shop/README.md'))) {
        await newcomer.type(command);
      }
      const verdict = newcomer.verdict();
      // What they would look at next; not counted, since the call is made.
      await newcomer.checked('npx tsc');
      console.log(verdict);
      return 0;
    } finally {
      await newcomer.stop();
      await forgetPackage(tarball);
    }
  }),
);
