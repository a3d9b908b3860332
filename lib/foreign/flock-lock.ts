import { absolute } from '../host/absolute-path.ts';
import {
  type FlockMode,
  type FlockProgram,
  flock,
  flockProgram,
  flockSync,
  isOpenAs,
  openToFlock,
  unflockSync,
  waitForFlock,
} from '../host/flock.ts';
import { nodeHost } from '../host/node-host.ts';
import { onAbort } from '../time/abort-listener.ts';
import { countdown } from '../time/countdown.ts';
import { later } from '../time/timer.ts';
import type { AlsoFlock } from './also-lock.ts';
import { type ForeignHold, type ForeignLock, failureOf, foreignFailure, foreignLockError } from './foreign-lock.ts';

/** How often in a row the file may have been replaced when it is locked. */
const MAX_FILES = 8;

/**
 * The kernel's lock on a file, as `flock FILE` gets it. It belongs to an open descriptor: the kernel releases it when this process
 * ends, however that happens, unless a child has inherited the descriptor. It is never lost.
 */
export class FlockLock implements ForeignLock {
  readonly also: AlsoFlock;
  readonly words: string;
  readonly canShare = true;
  readonly #path: string;
  readonly #program: FlockProgram | null;

  constructor(path: string, program: FlockProgram | null = flockProgram()) {
    this.#path = absolute(path);
    this.#program = program;
    this.also = { flock: this.#path };
    this.words = `the flock of ${this.#path}`;
  }

  checkSystem(): void {
    this.#locker();
  }

  tryNow(isShared: boolean): ForeignHold | null {
    const program = this.#locker();
    for (let round = 0; round < MAX_FILES; round++) {
      const fd = this.#open();
      let isKept = false;
      try {
        if (!flockSync(program, fd, modeOf(isShared))) return null;
        isKept = isOpenAs(fd, this.#path);
        if (isKept) return new FlockHold(fd, program, this.#path, this.words);
      } catch (error) {
        throw foreignLockError(error, this.words, this.#path);
      } finally {
        if (!isKept) nodeHost.files.close(fd);
      }
    }
    return null;
  }

  /**
   * A program that removes its lock file when it is done, or replaces it, leaves those who waited with a file that nobody else
   * finds: then the one that has the name by now is locked.
   */
  async within(isShared: boolean, timeoutMs: number, signal?: AbortSignal): Promise<ForeignHold | null> {
    const program = this.#locker();
    const restMs = countdown(nodeHost.clock, timeoutMs);
    const wanted = { program, mode: modeOf(isShared), restMs, signal };
    for (let round = 0; round < MAX_FILES; round++) {
      const fd = this.#open();
      let isKept = false;
      try {
        if (!(await locked(fd, wanted))) return null;
        isKept = isOpenAs(fd, this.#path);
        if (isKept) return new FlockHold(fd, program, this.#path, this.words);
      } catch (error) {
        throw foreignLockError(error, this.words, this.#path);
      } finally {
        if (!isKept) nodeHost.files.close(fd);
      }
    }
    return null;
  }

  /** @throws {StoreError} if there is none */
  #locker(): FlockProgram {
    if (this.#program !== null) return this.#program;
    const why =
      'Node itself cannot lock so. Install flock (of util-linux), or perl, in one of the usual places, such as /usr/bin.';
    throw foreignFailure(this.words, this.#path, why);
  }

  #open(): number {
    try {
      return openToFlock(this.#path);
    } catch (error) {
      throw foreignLockError(error, this.words, this.#path);
    }
  }
}

interface Wanted {
  program: FlockProgram;
  mode: FlockMode;
  restMs: () => number;
  signal: AbortSignal | undefined;
}

async function locked(fd: number, { program, mode, restMs, signal }: Wanted): Promise<boolean> {
  if (await flock(program, fd, mode)) return true;
  if (restMs() <= 0 || signal?.aborted) return false;
  const wait = waitForFlock(program, fd, mode);
  const cancelTimer = later(restMs(), wait.giveUp);
  const stopListening = onAbort(signal, wait.giveUp);
  try {
    return (await wait.locked) && !signal?.aborted;
  } finally {
    cancelTimer();
    stopListening();
  }
}

function modeOf(isShared: boolean): FlockMode {
  return isShared ? 'shared' : 'exclusive';
}

class FlockHold implements ForeignHold {
  readonly lost = null;
  readonly #path: string;
  readonly #words: string;
  readonly #program: FlockProgram;
  #fd: number | null;
  #isGivenAway = false;

  constructor(fd: number, program: FlockProgram, path: string, words: string) {
    this.#fd = fd;
    this.#program = program;
    this.#path = path;
    this.#words = words;
  }

  check(): void {
    // The kernel takes it from nobody.
  }

  whenLost(): void {
    // It never is.
  }

  descriptor(): number | null {
    this.#isGivenAway = true;
    return this.#fd;
  }

  /** Unlocks it for all that have the descriptor: a process that a child left behind may still have it. */
  release(): void {
    if (this.#fd === null) return;
    try {
      if (this.#isGivenAway) unflockSync(this.#program, this.#fd);
    } catch (error) {
      throw foreignLockError(error, this.#words, this.#path);
    }
    this.#close();
  }

  abandon(): { error: unknown } | null {
    const failure = failureOf(() => this.release());
    this.#close();
    return failure;
  }

  #close(): void {
    if (this.#fd !== null) nodeHost.files.close(this.#fd);
    this.#fd = null;
  }
}
