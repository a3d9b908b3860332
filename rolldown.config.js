import { fileURLToPath } from 'node:url';
import { defineConfig } from 'rolldown';

const assert = fileURLToPath(new URL('cli/startup/light-assert.ts', import.meta.url));
const light = fileURLToPath(new URL('cli/startup/light-string-width.ts', import.meta.url));

const external = ['proper-lockfile', 'fs-extra'];

/**
 * What `run` needs, as one file: these folders and all that they import. Each file more costs a start about a
 * millisecond.
 */
const LOCKING = /\/cli\/(commands\/run|args|output)\/|\/node_modules\/cliui\//;

// The command line is one small file that loads nothing else, and a chunk for each verb: a shell script
// that takes a lock ten times an hour waits for Node, not for us. The thread is a file of its own: it needs little of
// what the command line needs.
export default defineConfig([
  {
    input: { main: 'cli/main.ts' },
    platform: 'node',
    external,
    resolve: { alias: { 'string-width': light, assert, 'node:assert': assert } },
    output: {
      dir: 'dist/cli',
      format: 'esm',
      minify: true,
      chunkFileNames: '[name]-[hash].js',
      cleanDir: true,
      codeSplitting: { groups: [{ name: 'locking', test: LOCKING }] },
    },
  },
  {
    input: { 'keepalive-worker': 'lib/session/keepalive-worker.ts' },
    platform: 'node',
    external,
    output: { dir: 'dist/cli', format: 'esm', minify: true },
  },
]);
