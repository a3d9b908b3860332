import { defineConfig } from 'vitest/config';

// `npm run mutations`: not part of the tests, which it needs to be green.
export default defineConfig({
  test: {
    include: ['test/mutations/*.mutation.ts'],
    globalSetup: 'test/support/own-environment.ts',
    testTimeout: 120_000,
    // More than there are cores: some wait for what does not come.
    maxConcurrency: 3,
    // Each file has as much to do as there are cores.
    fileParallelism: false,
    reporters: ['dot'],
  },
});
