import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { expect, test } from 'vitest';

const SCRIPT = fileURLToPath(new URL('./hundred-thousand-calls.ts', import.meta.url));

/** What 100 000 calls may leave on the heap, in bytes. */
const MAX_GROWTH_BYTES = 5 * 1024 * 1024;

test.each(['unary', 'clientStream', 'serverStream', 'bidi'])(
  '100 000 calls of shape %s leave the heap as it was, and no handle that keeps the process alive',
  { timeout: 120_000 },
  async (shape) => {
    const args = ['--expose-gc', SCRIPT, shape, '100000'];
    const { stdout, stderr } = await promisify(execFile)(process.execPath, args, {
      timeout: 110_000,
    });
    const { grownBytes } = JSON.parse(stdout) as { grownBytes: number };
    console.log(`${shape}: heap grew by ${(grownBytes / 1024).toFixed(0)} KiB over 100 000 calls`);
    expect(grownBytes).toBeLessThan(MAX_GROWTH_BYTES);
    expect(stderr).toBe('');
  },
);
