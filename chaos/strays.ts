import fs from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

const PATIENCE_MS = 3_000;

/** The remaining processes of a chaos run, found by a mark in their environment. Commands outlive a killed wrapper. */
export class Strays {
  readonly #mark: string;

  constructor(mark: string) {
    this.#mark = `LOCKSTEP_CHAOS=${mark}`;
  }

  /** Waits for all to end by themselves. Resolves to the pids that have not. */
  async remaining(): Promise<number[]> {
    const deadline = performance.now() + PATIENCE_MS;
    while (this.#find().length > 0 && performance.now() < deadline) await delay(20);
    return this.#find();
  }

  async kill(): Promise<void> {
    for (const pid of this.#find()) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // Already gone.
      }
    }
    await this.remaining();
  }

  #find(): number[] {
    if (!fs.existsSync('/proc/self/environ')) return [];
    const pids = fs.readdirSync('/proc').filter((entry) => /^\d+$/.test(entry));
    return pids.map(Number).filter((pid) => pid !== process.pid && this.#isOurs(pid));
  }

  #isOurs(pid: number): boolean {
    try {
      return fs.readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0').includes(this.#mark);
    } catch {
      // Already gone, or another user's.
      return false;
    }
  }
}
