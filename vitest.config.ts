import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: 'test/support/no-process-left.ts',
    testTimeout: 30_000,
    hookTimeout: 30_000,
    // Two cores: more files at once would only make the real processes wait for each other.
    maxWorkers: 2,
    pool: 'forks',
    // The largest explorations remember tens of millions of states.
    execArgv: process.env.LOCKSTEP_SIMULATION ? ['--max-old-space-size=12000'] : [],
  },
});
