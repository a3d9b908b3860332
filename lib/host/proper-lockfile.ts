import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

type ProperLockfile = typeof import('proper-lockfile');

/**
 * Loads proper-lockfile without the changes it makes to the process: with the package signal-exit it patches `process.emit`,
 * listens to signals, and sets the exit code. It does that to remove its locks at the end; ours last for one
 * call, so none is there then.
 *
 * It is searched for beside the running program in a bundle, which does not contain it: no bundler sees this import.
 *
 * @throws an error if it is not found
 */
export function properLockfile(): ProperLockfile {
  // In a bundle of CommonJS a module may have no URL.
  const require = createRequire(import.meta.url ?? pathToFileURL(process.argv[1] ?? process.execPath));
  const before = countHooks();
  const lockfile = require('proper-lockfile') as ProperLockfile;
  // Where the program has loaded the same hooks before, they are the program's own, and stay.
  if (countHooks() > before) {
    const hooks = createRequire(require.resolve('proper-lockfile'))('signal-exit') as { unload(): void };
    hooks.unload();
  }
  return lockfile;
}

/** How many copies of signal-exit are at work, of the generation that proper-lockfile has. */
function countHooks(): number {
  const { __signal_exit_emitter__: emitter } = process as { __signal_exit_emitter__?: { count?: number } };
  return emitter?.count ?? 0;
}
