import { defineConfig } from 'vitest/config';

// `npm run cron`: as root, with Debian's cron. It takes minutes, since cron looks once a minute.
export default defineConfig({
  test: {
    include: ['test/cron/*.cron.ts'],
    globalSetup: ['test/support/no-process-left.ts', 'test/support/own-environment.ts'],
    testTimeout: 300_000,
    hookTimeout: 30_000,
  },
});
