import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { makeProgram } from '../../src/cli/program.ts';
import type { CliRun } from './cli.ts';
import { inboard, startInboard } from './cli.ts';
import type { World } from './command-world.ts';
import { makeWorld } from './command-world.ts';

/** What must hold for a command. The places of `World.commandLine` may stand in each. */
interface Row {
  /** Prints to stdout. */
  readonly prints: string;
  /** Names a file that there is not. Null: it takes none. */
  readonly wrongFile: string | null;
  /** Asks a process that there is not, and the exit code of that. Null: it asks none. */
  readonly unreachable: readonly [commandLine: string, code: number] | null;
  /** Waits for something at $HOLE. Null: for nothing, or, as `new`, for npm: see its own tests. */
  readonly waits: string | null;
  /** Where its options and files are another program's: that program's exit code, in its words. */
  readonly handedOn?: { readonly code: number; readonly badFlag: RegExp };
}

const SHAPES = 'inboard.testing.v1.ShapesService';
const ORDER = 'explain orders.v1.OrdersService/GetOrder';

function byBuf(name: string, wrongFile: string = `${name} none`): Row {
  return {
    prints: `${name} -- --help`,
    wrongFile,
    unreachable: null,
    waits: `slow: ${name}`,
    handedOn: { code: 1, badFlag: /unknown flag: --no-such-option/ },
  };
}

/** A line a command. One that is missing fails below. */
// biome-ignore format: a table
const ROWS: Readonly<Record<string, Row>> = {
  list: { prints: 'list --image $IMAGE', wrongFile: 'list --image none', unreachable: ['list -t $NOWHERE', 78], waits: 'list -t $HOLE' },
  describe: { prints: 'describe --image $IMAGE', wrongFile: 'describe --image none', unreachable: ['describe -t $NOWHERE', 78], waits: 'describe -t $HOLE' },
  call: { prints: `call ${SHAPES}/Unary -t $SERVER`, wrongFile: `call ${SHAPES}/Unary --image none -t $SERVER`, unreachable: [`call ${SHAPES}/Unary -t $NOWHERE`, 78], waits: `call ${SHAPES}/Unary -t $HOLE` },
  explain: { prints: `${ORDER} --image $IMAGE`, wrongFile: `${ORDER} --image $IMAGE --policy none`, unreachable: [`${ORDER} --from http://$NOWHERE`, 1], waits: `${ORDER} --from http://$HOLE` },
  health: { prints: 'health -t $SERVER', wrongFile: 'health -t $SERVER --cacert none', unreachable: ['health -t $NOWHERE', 78], waits: 'health -t $HOLE' },
  top: { prints: 'top --from $CONSOLE', wrongFile: null, unreachable: ['top --from http://$NOWHERE', 1], waits: 'top --from http://$HOLE' },
  dev: { prints: 'dev -o json', wrongFile: 'dev none.ts', unreachable: null, waits: 'slow: dev server.js --no-check' },
  new: { prints: 'new $FRESH --no-install --no-git -o json', wrongFile: 'new other --inboard ./none.tgz', unreachable: null, waits: null },
  deprecations: { prints: 'deprecations --from $ADMIN', wrongFile: null, unreachable: ['deprecations --from http://$NOWHERE', 1], waits: 'deprecations --from http://$HOLE' },
  check: { prints: 'check --only policy', wrongFile: 'check --against none.binpb', unreachable: null, waits: 'slow: check' },
  publish: { prints: 'publish --dry-run --name x --package-version 1.0.0 --template code.yaml', wrongFile: 'publish --dry-run --name x --package-version 1.0.0 --template none.yaml', unreachable: null, waits: 'slow: publish --dry-run --name x --package-version 1.0.0' },
  lint: byBuf('lint'),
  format: byBuf('format'),
  breaking: byBuf('breaking', 'breaking --against none.binpb'),
  generate: byBuf('generate'),
  completion: { prints: 'completion bash', wrongFile: null, unreachable: null, waits: null },
};

const commands = makeProgram().commands.map((command) => command.name());

function rowOf(command: string): Row {
  const row = ROWS[command];
  if (row === undefined) throw new Error(`'${command}' has no line in ROWS`);
  return row;
}

function having<K extends 'wrongFile' | 'unreachable' | 'waits'>(
  key: K,
): [command: string, told: NonNullable<Row[K]>][] {
  return Object.entries(ROWS).flatMap(([command, row]) => {
    const told = row[key];
    return told === null ? [] : [[command, told]];
  });
}

let world: World;

beforeAll(async () => {
  world = await makeWorld();
}, 60_000);

afterAll(() => world[Symbol.asyncDispose]());

function run(text: string): Promise<CliRun> {
  const { args, options } = world.commandLine(text);
  return inboard(args, { ...options, env: { INBOARD_TARGET: '' } });
}

function expectNoStack({ stderr }: CliRun): void {
  expect(stderr).not.toMatch(/^\s+at /m);
}

test('each command has a line, and each line a command', () => {
  expect(Object.keys(ROWS).toSorted()).toEqual(commands.toSorted());
});

describe('each command', { timeout: 60_000 }, () => {
  test.each(commands)('%s --help: examples, and where exit codes are told', async (command) => {
    const help = await run(`${command} --help`);
    expect(help).toMatchObject({ code: 0, stderr: '' });
    expect(help.stdout).toMatch(new RegExp(`^Usage: inboard ${command} `));
    expect(help.stdout).toMatch(new RegExp(`\\nExamples:\\n.*inboard ${command}`));
    expect(help.stdout).toContain('Exit codes: inboard --help');
    for (const line of help.stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(100);
  });

  test.each(commands)('%s --no-such-option: is named', async (command) => {
    const { prints, handedOn } = rowOf(command);
    const good = handedOn === undefined ? prints : command;
    const failed = await run(`${good} --no-such-option`);
    expect(failed.stderr).toMatch(handedOn?.badFlag ?? /unknown option '--no-such-option'/);
    expectNoStack(failed);
    expect(failed).toMatchObject({ code: handedOn?.code ?? 2, stdout: '' });
  });

  test.each(having('wrongFile'))('%s: a file that there is not', async (command, text) => {
    const failed = await run(text);
    expect(failed.stderr).toMatch(/none/);
    expectNoStack(failed);
    expect(failed).toMatchObject({ code: rowOf(command).handedOn?.code ?? 2, stdout: '' });
  });

  test.each(having('unreachable'))('%s: a process that is not there', async (_command, told) => {
    const [text, code] = told;
    const failed = await run(text);
    expect(failed.stderr).toMatch(/^inboard: .*127\.0\.0\.1:1.*\n {2}Is .* up/);
    expectNoStack(failed);
    expect(failed).toMatchObject({ code, stdout: '' });
  });

  test.each(commands)('%s: a reader that has had enough is no failure', async (command) => {
    const { prints, handedOn } = rowOf(command);
    const { args, options } = world.commandLine(prints);
    const cut = startInboard(args, options);
    cut.child.stdout?.destroy();
    const again = world.commandLine(prints);
    const whole = startInboard(again.args, again.options);
    // Else it would prove nothing.
    await whole.printed('\n');
    whole.child.kill('SIGKILL');
    await whole.ended;
    expect(await cut.ended).toMatchObject({ code: handedOn?.code ?? 0, stderr: '' });
  });

  test.each(having('waits'))('%s: Ctrl-C ends the longest wait', async (_command, text) => {
    const { args, options } = world.commandLine(text);
    const visited = world.visited();
    const waiting = startInboard(args, options);
    const { left } = await visited;
    waiting.child.kill('SIGINT');
    expect(await waiting.ended).toMatchObject({ code: 130, stderr: '' });
    // Whoever was at the other end, a child of the command too.
    await left;
  });

  test('a terminal that closes ends what was started, too', async () => {
    const { args, options } = world.commandLine('slow: check');
    const visited = world.visited();
    const waiting = startInboard(args, options);
    const { left } = await visited;
    waiting.child.kill('SIGHUP');
    expect(await waiting.ended).toMatchObject({ code: 129, stderr: '' });
    await left;
  });
});
