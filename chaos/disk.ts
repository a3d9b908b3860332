import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { nowMs } from './life.ts';
import type { Ground } from './scenery.ts';
import type { Weather } from './weather.ts';

/** Room for the JSON files and their replacements, and for files that stopped processes keep open, a megabyte each. */
const SIZE = '32m';
const BLOCK = Buffer.alloc(16 * 1024);
/** A process may report a full disk this much later, because it was stopped in between. */
const ECHO_MS = 8_000;
const EXIT_IO = 74;
/** A store on disk has no reason for these. */
const OF_SERVERS = ['UNREACHABLE', 'UNSURE', 'LEASE_LOST', 'EVICTED', 'STORE_BUSY'];

/** The disk of the store: a small one of its own that fills up, if it can be mounted here. */
export class SmallDisk implements Weather {
  /** Why there is no small disk, or null. Without it the store is on the ordinary disk, which never fills up. */
  readonly missing: string | null;
  #ground: Ground;
  #mounted = false;
  #fillings = 0;
  #fullUntil = Number.NEGATIVE_INFINITY;
  #isFull = false;

  constructor(ground: Ground) {
    this.#ground = ground;
    fs.mkdirSync(ground.disk);
    this.missing = this.#mount();
  }

  /** How often it was full. */
  get fillings(): number {
    return this.#fillings;
  }

  get isBad(): boolean {
    return this.#isFull;
  }

  explains(code: string, atMs: number): boolean {
    if (OF_SERVERS.includes(code)) return false;
    return code !== 'STORE_FULL' || this.#isFull || atMs < this.#fullUntil + ECHO_MS;
  }

  /** It could not enter; or it could not leave, and exits with its command's status: its end then frees the lock. */
  refusal(exitCode: number | null, said: string, atMs: number): string | null {
    const wasFull = (exitCode === EXIT_IO || exitCode === 0) && said.includes('(ENOSPC)');
    return wasFull && this.explains('STORE_FULL', atMs) ? `exit ${exitCode} (STORE_FULL)` : null;
  }

  /** Leaves `left` bytes free: with some, a long write is cut short; with none, it fails at once. */
  fill(left: number): void {
    this.#isFull = true;
    this.#fillings += 1;
    const fd = fs.openSync(this.#ground.ballast, 'a');
    try {
      for (;;) fs.writeSync(fd, BLOCK);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
      fs.ftruncateSync(fd, Math.max(0, fs.fstatSync(fd).size - left));
    } finally {
      fs.closeSync(fd);
    }
  }

  free(): void {
    if (!this.#isFull) return;
    fs.rmSync(this.#ground.ballast, { force: true });
    this.#fullUntil = nowMs();
    this.#isFull = false;
  }

  /** Unmounts the disk when no process uses it any more. `keep` copies its files to the ordinary disk. */
  end(keep: boolean): void {
    const { disk, root } = this.#ground;
    if (!this.#mounted) return;
    const copy = `${root}/kept`;
    // Not Node's own copy, which refuses FIFOs: lifelines are some.
    if (keep) execFileSync('cp', ['-a', disk, copy], { stdio: 'pipe' });
    unmount(disk);
    this.#mounted = false;
    if (!keep) return;
    fs.rmdirSync(disk);
    fs.renameSync(copy, disk);
  }

  #mount(): string | null {
    if (process.platform !== 'linux') return 'no tmpfs on this system';
    if (process.geteuid?.() !== 0) return 'not root';
    try {
      const options = `size=${SIZE},mode=0700`;
      execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'lockstep-chaos', this.#ground.disk], { stdio: 'pipe' });
      this.#mounted = true;
      return null;
    } catch (error) {
      return `cannot mount: ${String((error as { stderr?: Buffer }).stderr ?? error).trim()}`;
    }
  }
}

/** A process that has its working directory there keeps it busy: then it is unmounted when that process leaves. */
function unmount(directory: string): void {
  try {
    execFileSync('umount', [directory], { stdio: 'ignore' });
  } catch {
    execFileSync('umount', ['--lazy', directory], { stdio: 'pipe' });
  }
}
