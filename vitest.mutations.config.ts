import { defineConfig } from 'vitest/config';

// `npm run mutations`: not part of the tests, which it needs to be green.
export default defineConfig({
  test: {
    include: ['test/mutations/*.mutation.ts'],
    testTimeout: 120_000,
    maxConcurrency: 2,
    // Each file has as much to do as there are cores.
    fileParallelism: false,
    reporters: ['dot'],
  },
});
