import { fileURLToPath } from 'node:url';
import { defineConfig } from 'rolldown';

const assert = fileURLToPath(new URL('cli/light-assert.ts', import.meta.url));
const light = fileURLToPath(new URL('cli/light-string-width.ts', import.meta.url));

const external = ['proper-lockfile', 'fs-extra'];

/** What `run` needs beyond what `main` has, as one file: each file more costs a start about a millisecond. */
const LOCKING =
  /lib\/(abort-audience|absolute|acquirable|action|append-guard|dead-entries|deadlock|disk|disk-entry|disk-resource|disk-store|duration|entry|entry-list|epoch|errno|exit|gate|guarded-files|handed|heartbeat|held-command|idle|inherited|journal|journal-failure|knot|lease|line|line-header|line-view|liveness|lock|name|network-file-system|node-directory|node-host|open-store|own-command|own-entries|owner|pinned-files|presence|record|resource|semaphore|session|standing|store-beside|store-directory|store-failure|store-ground|waiting|whole-write)\.ts$|cli\/(acquisition|child|duration|environment|failure|patience|resource|shown|signals)\.ts$|\/(pretty-ms|parse-ms|ms)\//;

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
    input: { 'heartbeat-worker': 'lib/heartbeat-worker.ts' },
    platform: 'node',
    external,
    output: { dir: 'dist/cli', format: 'esm', minify: true },
  },
]);
