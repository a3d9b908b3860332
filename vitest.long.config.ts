import { defineConfig } from 'vitest/config';

// `npm run long`: tests that must let time pass, such as a holder that is stopped for 40 s, or a cron that looks once a minute; and
// those that need a real sudo.
export default defineConfig({
  test: {
    include: ['test/**/*.long.ts'],
    globalSetup: 'test/support/no-process-left.ts',
    testTimeout: 120_000,
    hookTimeout: 30_000,
    maxWorkers: 2,
    pool: 'forks',
  },
});
