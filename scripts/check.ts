// Every check that needs no test: `npm run check -- [NAME...]`.
import { performance } from 'node:perf_hooks';
import { parseArgs } from 'node:util';
import { runAsProgram } from './lib/main.ts';
import { ownProtosOnly } from './lib/proto-format.ts';
import { run } from './lib/run.ts';

interface Step {
  readonly name: string;
  readonly checks: string;
  /** Run one after the other; each must exit with 0. */
  readonly commands: readonly (readonly [command: string, ...args: string[]])[];
}

const steps: readonly Step[] = [
  {
    name: 'types',
    checks: 'the type checker at its strictest, and the declarations that are published',
    commands: [
      ['tsc'],
      ['tsc', '-p', 'tsconfig.build.json', '--noEmit'],
      ['tsc', '-p', 'src/telemetry/console/page'],
      ['tsc', '-p', 'test/telemetry/console'],
    ],
  },
  { name: 'lint', checks: 'type-aware lint rules (oxlint)', commands: [['oxlint']] },
  {
    name: 'format',
    checks: 'the layout of the code (biome); `npm run format` repairs it',
    commands: [['biome', 'format', '--max-diagnostics=none']],
  },
  {
    name: 'proto',
    checks: 'the contracts: lint rules and layout (buf)',
    commands: [
      ['buf', 'lint'],
      ['buf', 'format', '--diff', '--exit-code', ...(await ownProtosOnly())],
    ],
  },
  {
    name: 'generated',
    checks: 'that generated/ is what the contracts give, and console.html what its sources give',
    commands: [
      ['node', 'scripts/check-generated.ts'],
      ['node', 'scripts/build-console.ts', '--check'],
    ],
  },
  {
    name: 'imports',
    checks: 'who imports whom below src/, and that nothing goes in circles',
    commands: [['node', 'scripts/check-imports.ts']],
  },
  {
    name: 'exports',
    checks: 'the packed package: its entries and their types (publint, attw)',
    commands: [['node', 'scripts/check-exports.ts']],
  },
  {
    name: 'names',
    checks: 'that no file names a registry host or a path of one machine',
    commands: [['node', 'scripts/check-names.ts']],
  },
];

function help(): string {
  const lines = steps.map(({ name, checks }) => `  ${name.padEnd(10)} ${checks}`);
  return `npm run check [-- NAME...]\n\nRuns every step, or only those named:\n${lines.join('\n')}`;
}

function choose(names: readonly string[]): readonly Step[] {
  const unknown = names.filter((name) => !steps.some((step) => step.name === name));
  if (unknown.length > 0) throw new Error(`no such step: ${unknown.join(', ')}\n\n${help()}`);
  return names.length === 0 ? steps : steps.filter((step) => names.includes(step.name));
}

/** What the first failing command of a step printed; undefined where all of them passed. */
async function findFailure(step: Step): Promise<string | undefined> {
  for (const [command, ...args] of step.commands) {
    const { code, output } = await run(command, args);
    if (code !== 0) return `${[command, ...args].join(' ')} exited with ${code}\n${output}`;
  }
  return undefined;
}

await runAsProgram(import.meta, async () => {
  const { values, positionals } = parseArgs({
    options: { help: { type: 'boolean', short: 'h' } },
    allowPositionals: true,
  });
  if (values.help === true) {
    console.log(help());
    return 0;
  }
  const chosen = choose(positionals);
  let failed = 0;
  for (const step of chosen) {
    const start = performance.now();
    const failure = await findFailure(step);
    const seconds = ((performance.now() - start) / 1000).toFixed(1);
    const verdict = failure === undefined ? 'ok' : 'FAILED';
    console.log(`${verdict.padEnd(6)} ${step.name.padEnd(10)} ${seconds.padStart(5)} s`);
    if (failure === undefined) continue;
    failed += 1;
    console.log(`${failure.trimEnd()}\n`);
  }
  console.log(`${chosen.length - failed} passed, ${failed} failed`);
  return failed === 0 ? 0 : 1;
});
