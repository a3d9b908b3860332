import type { Host } from '../../../lib/host/host.ts';
import { Findings } from './finding.ts';
import type { Opened, Patient } from './patient.ts';

/** How long the news of a change may take. */
const WATCH_MS = 2_000;
/** Clocks that are this far apart are worth a word. */
const SKEW_MS = 2_000;
/** The guard of a guarded store is taken over after a minute, by the server's clock. */
const GUARD_SKEW_MS = 30_000;

/**
 * Does with files of its own, which it removes, what the library does with a journal: whatever the file system's name
 * is, this is what it has to be good for.
 */
export async function checkFiles(patient: Patient, directory: Opened['directory'] | null): Promise<Findings> {
  const found = new Findings('files');
  const { host, nearest } = patient;
  const base = `${nearest}/.doctor.${host.processes.nonce()}`;
  const probe = new Probe(host, base);
  try {
    probe.makes();
    probe.appends();
    probe.links();
    probe.renames();
    checkClock(found, probe.clockSkewMs(), directory?.guarded ?? false, nearest);
    if (!(await probe.wakes())) tellDeaf(found, 'nobody is told of a change there', nearest);
  } catch (error) {
    if (isOutOfWatches(error)) tellDeaf(found, (error as Error).message, nearest);
    else {
      found.problem({
        what: `it does not do what a store needs: ${(error as Error).message}`,
        where: nearest,
        why: 'Locks there would not be held, or not be given.',
        remedy: 'Choose a directory on another file system with LOCKSTEP_DIR.',
      });
    }
  } finally {
    probe.end();
  }
  if (found.isCalm)
    found.ok('files there are made once, appended to, linked, renamed and watched as they must be', nearest);
  return found;
}

/** Whatever its code is: too many instances, watches or open files. */
function isOutOfWatches(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).syscall === 'watch';
}

function tellDeaf(found: Findings, what: string, where: string): void {
  found.warning({
    what: `a change of a file is not noticed: ${what}`,
    where,
    why: 'Who waits looks from time to time instead, and gets in a little later.',
    remedy: 'See the limits of inotify: sysctl fs.inotify.max_user_instances fs.inotify.max_user_watches.',
  });
}

function checkClock(found: Findings, skewMs: number, guarded: boolean, where: string): void {
  if (Math.abs(skewMs) <= SKEW_MS) return;
  const words = {
    what: `the file system’s clock is ${(Math.abs(skewMs) / 1000).toFixed(1)} s ${skewMs > 0 ? 'ahead of' : 'behind'} this machine’s`,
    where,
    why: 'The age of a report, and of the guard of a guarded store, is told by it.',
    remedy: 'Have both follow one time server (NTP).',
  };
  if (guarded && Math.abs(skewMs) > GUARD_SKEW_MS) found.problem(words);
  else found.warning(words);
}

class Probe {
  readonly #host: Host;
  readonly #path: string;
  readonly #made: string[] = [];
  readonly #open: number[] = [];

  constructor(host: Host, path: string) {
    this.#host = host;
    this.#path = path;
  }

  /** A name is made once. */
  makes(): void {
    const { files } = this.#host;
    this.#made.push(this.#path);
    files.close(files.create(this.#path, 0o600));
    try {
      files.close(files.create(this.#path, 0o600));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') return;
      throw error;
    }
    throw new Error('a file that was there could be made once more (O_EXCL)');
  }

  /** Two descriptors write behind each other, and read what the other wrote. */
  appends(): void {
    const { files } = this.#host;
    const [one, other] = [files.openForAppend(this.#path), files.openForAppend(this.#path)] as const;
    this.#open.push(one, other);
    for (const [fd, text] of [
      [one, 'a'],
      [other, 'b'],
      [one, 'c'],
    ] as const)
      files.write(fd, Buffer.from(text), 1);
    const read = Buffer.alloc(8);
    const length = files.read(other, read, 0);
    if (read.toString('utf8', 0, length) !== 'abc') throw new Error('appends overwrite each other (O_APPEND)');
  }

  links(): void {
    const { files } = this.#host;
    const second = `${this.#path}.link`;
    this.#made.push(second);
    if (!files.link(this.#path, second)) throw new Error('a second name could not be given (link)');
    if (files.look(second)?.inode !== files.look(this.#path)?.inode)
      throw new Error('a second name is another file (link)');
    if (files.link(this.#path, second)) throw new Error('a name that was taken was given again (link)');
  }

  renames(): void {
    const { files } = this.#host;
    files.rename(`${this.#path}.link`, `${this.#path}.name`);
    this.#made.push(`${this.#path}.name`);
    if (files.look(`${this.#path}.name`) === null) throw new Error('a file that was renamed is not there (rename)');
  }

  /** How far the clock that a write is dated by is ahead of ours, beyond the time that the write took. */
  clockSkewMs(): number {
    const { files, clock } = this.#host;
    const before = clock.wallMicros() / 1_000;
    files.write(this.#open[0] as number, Buffer.from('d'), 1);
    files.sync(this.#open[0] as number);
    const dated = files.look(this.#path)?.modifiedMs ?? before;
    const after = clock.wallMicros() / 1_000;
    return dated < before ? dated - before : Math.max(0, dated - after);
  }

  /** Whether a touch is heard of. */
  async wakes(): Promise<boolean> {
    const { files } = this.#host;
    let stop = () => {};
    try {
      return await new Promise((resolve) => {
        const timer = setTimeout(() => resolve(false), WATCH_MS);
        stop = files.watch(this.#path, (event) => {
          clearTimeout(timer);
          resolve(event === 'changed');
        });
        files.touch(this.#path);
      });
    } finally {
      stop();
    }
  }

  end(): void {
    const { files } = this.#host;
    for (const fd of this.#open) files.close(fd);
    for (const path of this.#made) {
      try {
        files.remove(path);
      } catch {
        // Read-only by now: it says so elsewhere.
      }
    }
  }
}
