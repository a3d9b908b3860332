import type { Clock } from '../../time/clock.ts';

/** How often the cleanup is tried again. */
const CLEANUP_INTERVAL_MS = 1_000;

/**
 * Changes of our own keys that must still be made, for which no caller asks any more: they failed because the server was away. Each is
 * tried again once a second, until it is done or the process ends. They keep no process alive.
 */
export class Abandoned {
  readonly #clock: Clock;
  readonly #tasks = new Set<() => Promise<void>>();
  #isScheduled = false;
  #isOver = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add(task: () => Promise<void>): void {
    if (this.#isOver) return;
    this.#tasks.add(task);
    this.#schedule();
  }

  /** Tries once, in the background; again if it fails. */
  begin(task: () => Promise<void>): void {
    task().catch(() => this.add(task));
  }

  /** For the end of the store: the changes that are left are not tried any more. */
  stop(): void {
    this.#isOver = true;
    this.#tasks.clear();
  }

  #schedule(): void {
    if (this.#isScheduled || this.#tasks.size === 0) return;
    this.#isScheduled = true;
    this.#clock.timer(CLEANUP_INTERVAL_MS, false, () => void this.#flush());
  }

  async #flush(): Promise<void> {
    for (const task of [...this.#tasks]) {
      try {
        await task();
        this.#tasks.delete(task);
      } catch {
        // Later.
      }
    }
    this.#isScheduled = false;
    this.#schedule();
  }
}
