import { createRequire } from 'node:module';

type ProperLockfile = typeof import('proper-lockfile');

/**
 * Loads proper-lockfile without the changes it makes to the process: with the package signal-exit it patches `process.emit`,
 * listens to signals, and sets the exit code. It does that to remove its locks at the end; ours last for one
 * call, so none is there then.
 */
export function properLockfile(): ProperLockfile {
  const require = createRequire(import.meta.url);
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
