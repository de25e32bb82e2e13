import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

import { describe, expect, test } from 'vitest';

import { makeProgram } from '../../src/cli/program.ts';
import { inboard } from './cli.ts';

const COMMANDS = makeProgram().commands.map((command) => command.name());

describe('inboard', () => {
  test('helps with every command, its exit codes and examples', async () => {
    const { code, stdout, stderr } = await inboard(['--help']);
    expect(code).toBe(0);
    expect(stderr).toBe('');
    for (const command of COMMANDS) expect(stdout).toContain(`\n  ${command} `);
    expect(stdout).toContain('Exit codes:');
    expect(stdout).toContain('Examples:');
  });

  test('loads nothing to print help but what defines the commands', async () => {
    // Or `--help` would not answer at once: the library alone takes half a second to load.
    const recorder = join(import.meta.dirname, 'record-modules.ts');
    const args = ['--import', recorder, 'src/cli/main.ts', '--help'];
    const { status, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
    expect(status).toBe(0);
    const files = stderr.split('\n').filter((address) => address.startsWith('file:'));
    const loaded = files.map((address) => relative('', fileURLToPath(address)));
    const needed = /^(?:src\/cli\/(?:[\w-]+|commands\/[\w-]+)\.ts|node_modules\/commander\/.*)$/;
    expect(loaded.filter((file) => !needed.test(file))).toEqual(['src/core/version.ts']);
    expect(loaded).toContain('src/cli/commands/call.ts');
    expect(loaded.length).toBeLessThan(COMMANDS.length + 20);
  });

  test('prints its version', async () => {
    const { version } = JSON.parse(await readFile('package.json', 'utf8')) as { version: string };
    expect(await inboard(['--version'])).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' });
  });

  const wrong: [what: string, args: string[], message: RegExp][] = [
    ['no command', [], /Usage: inboard/],
    ['a command mistyped', ['lst'], /unknown command 'lst'\n\(Did you mean list\?\)/],
    ['an option mistyped', ['list', '--targt', 'a'], /'--targt'\n\(Did you mean --target\?\)/],
    ['an option as in Go', ['list', '-plaintext'], /'-plaintext'\n\(Did you mean --plaintext\?\)/],
    ['no option in Go either', ['list', '-xyz'], /'-xyz'\n\(--help/],
    ['an option without its value', ['list', '--target'], /argument missing/],
    ['no such format', ['list', '-o', 'yaml'], /Allowed choices are table, json/],
    ['no time', ['list', '--timeout', 'soon'], /'soon' is invalid\. Write 500ms, 2s or 1m/],
    ['no method', ['call'], /missing required argument 'method'/],
    ['two methods', ['call', 'a/B', 'c/D'], /too many arguments/],
    ['no server', ['call', 'a/B'], /No server is named\n {2}Add --target/],
    ['no contract', ['list'], /No contract is named\n {2}Add --target .*--image/],
    ['two contracts', ['list', '--image', 'a', '--proto', 'b'], /two contracts/],
    ['a target of no sense', ['list', '-t', 'a b'], /The target 'a b' does not parse/],
    ['a scheme of nobody', ['list', '-t', 'ftp:///a:1'], /No resolver for 'ftp:'.*known: dns/],
    ['a header without a name', ['list', '-t', 'a:1', '-H', 'x'], /-H 'x' does not parse/],
    ['no base64', ['list', '-t', 'a:1', '-H', 'x-bin: ?'], /-H 'x-bin' must be base64/],
    ['TLS and none', ['list', '-t', 'a:1', '--tls', '--plaintext'], /contradict each other/],
    [
      'no certificate',
      ['list', '-t', 'a:1', '--cacert', 'none.pem'],
      /--cacert 'none\.pem'.*no such/,
    ],
    ['no PEM', ['list', '-t', 'a:1', '--cacert', 'package.json'], /is no PEM file/],
    ['no such image', ['list', '--image', 'none'], /--image 'none' cannot be read: there is no/],
    ['a folder for an image', ['list', '--image', 'src'], /it is a folder/],
    [
      'another file',
      ['list', '--image', 'LICENSE'],
      /'LICENSE' is no image of contracts.*buf build/s,
    ],
    ['no URL', ['top', '--from', 'http://'], /--from 'http:\/\/' is no URL/],
    ['no shell', ['completion', 'cmd'], /Allowed choices are bash, zsh, fish/],
  ];

  test.each(wrong)('%s: exit code 2, and what to do', async (_what, args, message) => {
    const { code, stdout, stderr } = await inboard(args, { env: { INBOARD_TARGET: '' } });
    expect(stderr).toMatch(message);
    expect(stderr).not.toMatch(/^\s+at /m);
    expect(stdout).toBe('');
    expect(code).toBe(2);
  });

  test('says what went wrong as JSON, where JSON is asked for', async () => {
    const { code, stderr } = await inboard(['list', '--image', 'none', '-o', 'json']);
    expect(code).toBe(2);
    expect(JSON.parse(stderr)).toEqual({
      error: { message: "--image 'none' cannot be read: there is no such file", exitCode: 2 },
    });
  });

  test('ends quietly when its reader has had enough', async () => {
    const child = spawn(process.execPath, ['src/cli/main.ts', '--help'], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    child.stdout.destroy();
    let stderr = '';
    child.stderr.on('data', (chunk: Buffer) => {
      stderr += chunk.toString();
    });
    expect(await once(child, 'close')).toEqual([0, null]);
    expect(stderr).toBe('');
  });
});

describe('completion', () => {
  test('is a script of the shell, with every command and option', async () => {
    for (const shell of ['bash', 'zsh', 'fish']) {
      const { code, stdout } = await inboard(['completion', shell]);
      expect(code).toBe(0);
      for (const command of COMMANDS) expect(stdout).toContain(command);
      expect(stdout).toContain(shell === 'fish' ? '-l image' : '--image');
    }
  });

  test('completes in bash', async () => {
    const { stdout } = await inboard(['completion', 'bash']);
    const complete = (...words: string[]): string[] => {
      const script = `${stdout}
COMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')})
COMP_CWORD=${words.length - 1}
_inboard
printf '%s\\n' "\${COMPREPLY[@]}"`;
      const run = spawnSync('bash', ['--norc', '-c', script], { encoding: 'utf8' });
      expect(run.stderr).toBe('');
      return run.stdout.trim().split('\n');
    };
    expect(complete('inboard', 'des')).toEqual(['describe']);
    expect(complete('inboard', 'call', '--ti')).toEqual(['--timeout']);
    expect(complete('inboard', 'completion', 'z')).toEqual(['zsh']);
    expect(complete('inboard', 'lint', '--target')).toEqual(['']);
  });
});
