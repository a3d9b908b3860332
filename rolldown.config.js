import { fileURLToPath } from 'node:url';
import { defineConfig } from 'rolldown';

const assert = fileURLToPath(new URL('cli/light-assert.ts', import.meta.url));
const light = fileURLToPath(new URL('cli/light-string-width.ts', import.meta.url));

// The command line is one small file that loads nothing else, and a chunk for each verb: a shell script
// that takes a lock ten times an hour waits for Node, not for us.
export default defineConfig({
  input: { main: 'cli/main.ts', 'heartbeat-worker': 'lib/heartbeat-worker.ts' },
  platform: 'node',
  external: ['proper-lockfile', 'fs-extra', 'write-file-atomic'],
  resolve: { alias: { 'string-width': light, assert, 'node:assert': assert } },
  output: {
    dir: 'dist/cli',
    format: 'esm',
    minify: true,
    chunkFileNames: '[name]-[hash].js',
    cleanDir: true,
  },
});
