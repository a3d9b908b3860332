import { fileURLToPath } from 'node:url';
import { defineConfig } from 'rolldown';

const assert = fileURLToPath(new URL('cli/light-assert.ts', import.meta.url));
const light = fileURLToPath(new URL('cli/light-string-width.ts', import.meta.url));

/** What `run` needs beyond what `main` has, as one file: each file more costs a start about a millisecond. */
const LOCKING =
  /lib\/(abort-audience|absolute|acquirable|action|append-guard|dead-entries|deadlock|disk|disk-entry|disk-resource|disk-store|duration|entry|entry-list|epoch|errno|exit|gate|guarded-files|handed|heartbeat|held-command|idle|inherited|journal|journal-failure|knot|lease|line|line-header|line-view|liveness|lock|name|node-host|open-store|own-command|own-entries|owner|presence|record|resource|semaphore|session|standing|store-directory|store-failure|waiting|whole-write)\.ts$|cli\/(acquisition|child|duration|environment|failure|patience|resource|shown|signals)\.ts$|\/(pretty-ms|parse-ms|ms)\//;

// The command line is one small file that loads nothing else, and a chunk for each verb: a shell script
// that takes a lock ten times an hour waits for Node, not for us.
export default defineConfig({
  input: { main: 'cli/main.ts', 'heartbeat-worker': 'lib/heartbeat-worker.ts' },
  platform: 'node',
  external: ['proper-lockfile', 'fs-extra'],
  resolve: { alias: { 'string-width': light, assert, 'node:assert': assert } },
  output: {
    dir: 'dist/cli',
    format: 'esm',
    minify: true,
    chunkFileNames: '[name]-[hash].js',
    cleanDir: true,
    codeSplitting: { groups: [{ name: 'locking', test: LOCKING }] },
  },
});
