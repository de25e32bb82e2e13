import { defineConfig, type ViteUserConfig } from 'vitest/config';

const config: ViteUserConfig = defineConfig({
  test: {
    environment: 'node',
    include: ['test/**/*.test.ts'],
    setupFiles: ['test/support/no-leaks.ts'],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 10_000,
    hookTimeout: 10_000,
    teardownTimeout: 5_000,
    // A rejection that nobody handled fails the run, even where every test passed.
    dangerouslyIgnoreUnhandledErrors: false,
    passWithNoTests: false,
  },
});

export default config;
