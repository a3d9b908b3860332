import { isErrno } from '../host/errno.ts';
import { LockDirectory } from '../host/lock-directory.ts';
import { nodeHost } from '../host/node-host.ts';
import { onAbort } from '../time/abort-listener.ts';
import { countdown } from '../time/countdown.ts';
import type { AlsoProperLockfile } from './also-lock.ts';
import { DirectoryHold } from './directory-hold.ts';
import { type ForeignHold, type ForeignLock, foreignFailure, foreignLockError } from './foreign-lock.ts';

/** proper-lockfile's own default. */
const STALE_MS = 10_000;
const FIRST_POLL_MS = 5;
const LAST_POLL_MS = 100;
/**
 * Another program may have found the same stale lock, and remove what has its name by now: ours. So one that was taken over must
 * still be there after this long.
 */
const SETTLE_MS = 100;

/**
 * The lock of the package proper-lockfile: the directory `FILE.lock`, whose maker has the lock and refreshes its time. One that
 * was not refreshed for long is removed by the next program that wants it.
 *
 * The package itself is not loaded: it would listen to signals, patch `process.emit`, `process.cwd` and `fs.close` of
 * the program around us, and to undo a part of that would break the program's own use of it (decision 30).
 */
export class ProperLockfileLock implements ForeignLock {
  readonly words: string;
  readonly canShare = false;
  readonly also: AlsoProperLockfile;

  constructor(also: AlsoProperLockfile) {
    this.also = also;
    this.words = `the proper-lockfile lock of ${also['proper-lockfile']}`;
  }

  checkSystem(): void {
    // Every system has directories.
  }

  tryNow(): ForeignHold | null {
    const { hold, isTakenOver } = this.#taken();
    if (isTakenOver) nodeHost.clock.sleep(SETTLE_MS);
    return this.#checked(hold);
  }

  async within(_isShared: boolean, timeoutMs: number, signal?: AbortSignal): Promise<ForeignHold | null> {
    const restMs = countdown(nodeHost.clock, timeoutMs);
    for (let ms = FIRST_POLL_MS; ; ms = Math.min(ms * 2, LAST_POLL_MS)) {
      const { hold, isTakenOver } = this.#taken();
      if (isTakenOver) await pause(SETTLE_MS);
      const checked = this.#checked(hold);
      if (signal?.aborted) {
        checked?.release();
        return null;
      }
      if (checked !== null || restMs() <= 0) return checked;
      // Not in step with others that poll.
      await pause(Math.min(ms * (0.5 + Math.random()), restMs()), signal);
    }
  }

  #checked(hold: DirectoryHold | null): DirectoryHold | null {
    hold?.check();
    if (hold === null || hold.lost === null) return hold;
    hold.release();
    return null;
  }

  #taken(): { hold: DirectoryHold | null; isTakenOver: boolean } {
    const path = this.#path();
    try {
      const free = LockDirectory.make(path);
      const made = free ?? (this.#removeStale(path) ? LockDirectory.make(path) : null);
      return { hold: made && new DirectoryHold(made, this.words, this.#staleMs), isTakenOver: !free && made !== null };
    } catch (error) {
      throw foreignLockError(error, this.words, path);
    }
  }

  /** True if the name is free now. */
  #removeStale(path: string): boolean {
    const at = LockDirectory.refreshedAt(path);
    if (at === null) return true;
    return at < Date.now() - this.#staleMs && LockDirectory.removeIfFrom(path, at);
  }

  get #staleMs(): number {
    return this.also.stale ?? STALE_MS;
  }

  /** The directory, by the rules of the package; a link in the path may be turned at any time. */
  #path(): string {
    const { 'proper-lockfile': file, realpath = true, lockfilePath } = this.also;
    if (lockfilePath !== undefined) return lockfilePath;
    if (!realpath) return `${file}.lock`;
    try {
      return `${LockDirectory.fileOf(file)}.lock`;
    } catch (error) {
      if (!isErrno(error, 'ENOENT')) throw foreignLockError(error, this.words, file);
      const remedy = 'there is no such file. Make it, or say { realpath: false } if these programs do.';
      throw foreignFailure(this.words, file, remedy, error);
    }
  }
}

function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      cancel();
      stopListening();
      resolve();
    };
    const cancel = nodeHost.clock.timer(ms, true, end);
    const stopListening = onAbort(signal, end);
    if (signal?.aborted) end();
  });
}
