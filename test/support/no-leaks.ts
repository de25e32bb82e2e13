/**
 * Fails a test that leaves something behind that keeps the process alive. Set up for every test
 * file; what a file opens once for all its tests is there before each of them, and so does not
 * count.
 */
import { afterEach, beforeEach } from 'vitest';

// Not the kit as a whole: most of src would be loaded for tests that need none of it.
import type { LeakCheck } from '../../src/testing/leak-check.ts';
import { leakCheck } from '../../src/testing/leak-check.ts';

let check: LeakCheck;

beforeEach(() => {
  check = leakCheck();
});

afterEach(() => check.settled());
