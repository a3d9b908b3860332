import { defineConfig } from 'vitest/config';

// `npm run long`: tests that must let time pass, such as a holder that is stopped for 40 s, leases of servers that are away, or a cron; and
// those that need a real sudo.
export default defineConfig({
  test: {
    include: ['test/**/*.long.ts'],
    globalSetup: ['test/support/no-process-left.ts', 'test/support/own-environment.ts'],
    testTimeout: 120_000,
    hookTimeout: 30_000,
    maxWorkers: 2,
    pool: 'forks',
  },
});
