import type { LockDirectory } from '../host/lock-directory.ts';
import { nodeHost } from '../host/node-host.ts';
import { type ForeignHold, failureOf, foreignLockError } from './foreign-lock.ts';

/**
 * How often it is refreshed. The package takes no `stale` below two seconds, and refreshes its own locks no more often than this: so
 * no program that uses it finds a lock of ours stale while this process runs its event loop.
 */
const REFRESH_MS = 1_000;

/** Those of this process, to be removed at its end. */
const held = new Set<DirectoryHold>();

function removeAll(): void {
  for (const hold of held) hold.removeAtExit();
}

/** A lock directory of ours, which is refreshed until it is released or lost. It keeps no process alive. */
export class DirectoryHold implements ForeignHold {
  readonly #directory: LockDirectory;
  readonly #words: string;
  readonly #staleMs: number;
  #lost: string | null = null;
  #isReleased = false;
  #refreshedMs = nodeHost.clock.monotonicMs();
  #cancelRefresh: () => void = () => undefined;
  #onLost: (() => void) | null = null;

  constructor(directory: LockDirectory, words: string, staleMs: number) {
    this.#directory = directory;
    this.#words = words;
    this.#staleMs = staleMs;
    held.add(this);
    nodeHost.processes.atExit(removeAll);
    this.#schedule();
  }

  get lost(): string | null {
    return this.#lost;
  }

  check(): void {
    if (this.#isReleased || this.#lost !== null) return;
    try {
      if (!this.#directory.isThere()) this.#lose();
    } catch {
      // It cannot be looked at just now. Without a refresh it is stale some time: then others may have it.
      if (nodeHost.clock.monotonicMs() - this.#refreshedMs > this.#staleMs) this.#lose();
    }
  }

  whenLost(callback: () => void): void {
    this.#onLost = callback;
  }

  descriptor(): null {
    return null;
  }

  release(): void {
    if (this.#isReleased) return;
    this.check();
    if (this.#lost === null) this.#remove();
    this.#end();
  }

  abandon(): { error: unknown } | null {
    const failure = failureOf(() => this.release());
    this.#end();
    return failure;
  }

  /** @internal */
  removeAtExit(): void {
    try {
      this.#directory.remove();
    } catch {
      // It is stale some time after this process has ended.
    }
  }

  #remove(): void {
    try {
      if (!this.#directory.remove()) this.#lose();
    } catch (error) {
      throw foreignLockError(error, this.#words, this.#directory.path);
    }
  }

  #schedule(): void {
    this.#cancelRefresh = nodeHost.clock.timer(REFRESH_MS, false, () => {
      this.check();
      if (this.#isReleased || this.#lost !== null) return;
      this.#refresh();
      this.#schedule();
    });
  }

  #refresh(): void {
    try {
      this.#directory.refresh();
      this.#refreshedMs = nodeHost.clock.monotonicMs();
    } catch {
      // It is tried again each second.
    }
  }

  #lose(): void {
    const { path } = this.#directory;
    this.#lost = `another program has removed ${path}, or taken it over, as one that uses proper-lockfile does after its 'stale' time without a refresh`;
    this.#stop();
    this.#onLost?.();
  }

  #end(): void {
    this.#isReleased = true;
    this.#stop();
  }

  #stop(): void {
    held.delete(this);
    this.#cancelRefresh();
    this.#directory.close();
  }
}
