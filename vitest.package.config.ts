import { defineConfig } from 'vitest/config';

// `npm run package`: packs the package, installs it elsewhere and uses it. It takes longer than the quick suite may.
export default defineConfig({
  test: {
    include: ['test/package/*.package.ts'],
    globalSetup: ['test/support/no-process-left.ts', 'test/support/own-environment.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    maxWorkers: 2,
    pool: 'forks',
  },
});
