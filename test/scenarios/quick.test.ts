import { spawn } from 'node:child_process';
import { join } from 'node:path';

import { expect, onTestFinished, test } from 'vitest';

import { scenarios } from './scenarios.ts';

const LAB = join(import.meta.dirname, '..', '..', 'scripts', 'lab.ts');

/** It takes about a minute; twice that where other tests take the machine away, in ms. */
const LIMIT_MS = 170_000;

test(
  'the quick form of the lab: bars are met, and missed with their features off',
  async () => {
    const lab = spawn(process.execPath, [LAB, '--quick'], { stdio: ['ignore', 'pipe', 'pipe'] });
    onTestFinished(() => void lab.kill());
    let output = '';
    let errors = '';
    lab.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
    lab.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text));
    const code = await new Promise<number | null>((resolve) => lab.once('close', resolve));
    expect(code, `${output}\n${errors}`).toBe(0);
    for (const { name } of scenarios.filter(({ quick }) => quick)) {
      expect(output).toMatch(new RegExp(`^ok +${name} · inboard`, 'm'));
      expect(output).toMatch(new RegExp(`^control +${name} · feature off`, 'm'));
    }
  },
  LIMIT_MS,
);
