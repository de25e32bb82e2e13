// Installs the packed package into an empty project and uses it as a new user would. The project's
// files are those of scripts/smoke-project and the code generated from the testing contract.
import { cp, readFile, writeFile } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
import { runAsProgram } from './lib/main.ts';
import { withPackedProject } from './lib/pack.ts';
import { root, run, runOrThrow } from './lib/run.ts';

/** What the generated code and the type checker need beside the package itself. */
const alsoInstalled = ['@bufbuild/protobuf', 'nice-grpc-common', '@types/node', 'ts-proto'];

const generatedFiles = ['inboard/testing/v1/shapes.ts', 'google/protobuf/timestamp.ts'];

await runAsProgram(import.meta, () =>
  withPackedProject(async (tarball, folder) => {
    const project = join(folder, 'project');
    await step('install the tarball into an empty project', () => install(project, tarball));
    await step('generate code from a contract with a policy', () => generate(project));
    await step('type-check and compile a program, strict', () => tsc(project));
    await step('make calls with it over a socket', () => node(project, 'dist/call.js'));
    await step('import every entry', () => node(project, 'entries.js'));
    await step('require it from CommonJS', () => node(project, 'require.cjs'));
    await step('run its command line', () => commandLine(project));
    return 0;
  }),
);

async function step(what: string, act: () => Promise<unknown>): Promise<void> {
  try {
    await act();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`FAILED ${what}\n${reason}`, { cause: error });
  }
  console.log(`ok     ${what}`);
}

async function install(project: string, tarball: string): Promise<void> {
  await cp(join(root, 'scripts', 'smoke-project'), project, { recursive: true });
  for (const file of generatedFiles) {
    await cp(join(root, 'generated', file), join(project, 'generated', file));
  }
  await runOrThrow('npm', ['init', '--yes'], { cwd: project });
  await runOrThrow('npm', ['pkg', 'set', 'type=module'], { cwd: project });
  const packages = [tarball, ...(await pinned(alsoInstalled))];
  // npm hands this project's own .npmrc on to what it runs; a new user has npm's default here.
  const env = { npm_config_strict_allow_scripts: 'false' };
  await runOrThrow('npm', ['install', '--prefer-offline', ...packages], { cwd: project, env });
}

async function pinned(names: readonly string[]): Promise<string[]> {
  const text = await readFile(join(root, 'package.json'), 'utf8');
  const { dependencies, devDependencies } = JSON.parse(text) as {
    readonly dependencies: Readonly<Record<string, string>>;
    readonly devDependencies: Readonly<Record<string, string>>;
  };
  const versions = { ...devDependencies, ...dependencies };
  return names.map((name) => `${name}@${versions[name]}`);
}

/** As the package's documentation says; the code must be what the project itself generates. */
async function generate(project: string): Promise<void> {
  const contract = 'inboard/testing/v1/policies';
  const shipped = join(project, 'node_modules', 'inboard');
  await cp(join(shipped, 'proto'), join(project, 'proto'), { recursive: true });
  await cp(
    join(root, 'proto/testing', `${contract}.proto`),
    join(project, `proto/${contract}.proto`),
  );
  await cp(join(shipped, 'buf.gen.yaml'), join(project, 'buf.gen.yaml'));
  await writeFile(join(project, 'buf.yaml'), 'version: v2\nmodules:\n  - path: proto\n');
  // The package's own code generator, and not this project's.
  const folders = [join(project, 'node_modules', '.bin'), dirname(process.execPath)];
  const env = { PATH: folders.join(delimiter) };
  const buf = join(root, 'node_modules', '.bin', 'buf');
  await runOrThrow(buf, ['generate'], { cwd: project, env });
  const [made, committed] = await Promise.all(
    [project, root].map((folder) => readFile(join(folder, `generated/${contract}.ts`), 'utf8')),
  );
  if (made !== committed) throw new Error(`generated/${contract}.ts is not what it is here`);
}

function tsc(project: string): Promise<unknown> {
  return runOrThrow('tsc', ['-p', join(project, 'tsconfig.json')], { cwd: project });
}

async function commandLine(project: string): Promise<void> {
  const command = join(project, 'node_modules', '.bin', 'inboard');
  const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as {
    readonly version: string;
  };
  const { stdout } = await runOrThrow(command, ['--version'], { cwd: project });
  if (stdout.trim() !== version) throw new Error(`inboard --version printed:\n${stdout}`);
  // A command's own code is loaded when it runs: `list` loads the library and the JSON of messages.
  const failed = await run(command, ['list', '--target', '127.0.0.1:1'], { cwd: project });
  if (failed.code !== 78) throw new Error(`inboard list exited with ${failed.code}`);
}

async function node(project: string, file: string): Promise<void> {
  const { stdout } = await runOrThrow(process.execPath, [file], { cwd: project });
  if (stdout.trim() !== 'ok') throw new Error(`${file} printed:\n${stdout}`);
}
