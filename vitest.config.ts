import { defineConfig, type ViteUserConfig } from 'vitest/config';

const LAB = 'test/scenarios/quick.test.ts';

const config: ViteUserConfig = defineConfig({
  test: {
    environment: 'node',
    setupFiles: ['test/support/no-leaks.ts'],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 20_000,
    hookTimeout: 20_000,
    teardownTimeout: 5_000,
    // What is waited for comes as soon as it can, which on a busy machine is not soon.
    expect: { poll: { timeout: 15_000 } },
    // A rejection that nobody handled fails the run, even where every test passed.
    dangerouslyIgnoreUnhandledErrors: false,
    passWithNoTests: false,
    projects: [
      {
        extends: true,
        test: { name: 'tests', include: ['test/**/*.test.ts'], exclude: [LAB] },
      },
      // The lab measures time, and keeps both cores busy: it has the machine to itself.
      { extends: true, test: { name: 'lab', include: [LAB], sequence: { groupOrder: 1 } } },
    ],
  },
});

export default config;
