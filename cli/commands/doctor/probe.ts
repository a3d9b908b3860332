import type { Host } from '../../../lib/internal.ts';
import { Findings } from './finding.ts';
import type { Opened, Patient } from './patient.ts';

/** The longest time until a change is noticed. */
const WATCH_MS = 2_000;
/** A larger difference of clocks is reported. */
const SKEW_MS = 2_000;
/** The guard of a guarded store is taken over after a minute by the server's clock. */
const GUARD_SKEW_MS = 30_000;

/**
 * Tests, with files of its own that it removes, each operation that the library needs: the type of a file system does not
 * prove that they work.
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
    if (!(await probe.wakes())) addUnnoticed(found, 'no change is reported there', nearest);
  } catch (error) {
    if (isOutOfWatches(error)) addUnnoticed(found, (error as Error).message, nearest);
    else {
      found.problem({
        what: `an operation that a store needs fails: ${(error as Error).message}`,
        where: nearest,
        why: 'Locks there would not exclude, or could not be acquired.',
        remedy: 'Choose a directory on another file system with LOCKSTEP_DIR.',
      });
    }
  } finally {
    probe.end();
  }
  if (found.isCalm) found.ok('exclusive creation, appends, links, renames and watches work there', nearest);
  return found;
}

/** Too many instances, watches or open files, whatever the code is. */
function isOutOfWatches(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).syscall === 'watch';
}

function addUnnoticed(found: Findings, what: string, where: string): void {
  found.warning({
    what: `changes of files are not noticed: ${what}`,
    where,
    why: 'A waiter polls instead, and acquires a little later.',
    remedy: 'Check the limits of inotify: sysctl fs.inotify.max_user_instances fs.inotify.max_user_watches.',
  });
}

function checkClock(found: Findings, skewMs: number, guarded: boolean, where: string): void {
  if (Math.abs(skewMs) <= SKEW_MS) return;
  const words = {
    what: `the file system’s clock is ${(Math.abs(skewMs) / 1000).toFixed(1)} s ${skewMs > 0 ? 'ahead of' : 'behind'} this machine’s`,
    where,
    why: 'The age of a heartbeat, and of the guard of a guarded store, is measured by it.',
    remedy: 'Synchronize both with one time server (NTP).',
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

  /** A name is created only once. */
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
    throw new Error('an existing file could be created again (O_EXCL)');
  }

  /** Two descriptors append behind each other, and each reads what the other wrote. */
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
    if (!files.link(this.#path, second)) throw new Error('a second name could not be created (link)');
    if (files.look(second)?.inode !== files.look(this.#path)?.inode)
      throw new Error('a second name leads to another file (link)');
    if (files.link(this.#path, second)) throw new Error('an existing name could be linked again (link)');
  }

  renames(): void {
    const { files } = this.#host;
    files.rename(`${this.#path}.link`, `${this.#path}.name`);
    this.#made.push(`${this.#path}.name`);
    if (files.look(`${this.#path}.name`) === null) throw new Error('a renamed file is missing (rename)');
  }

  /** How far the clock of a write's mtime is ahead of ours, beyond the time that the write took. */
  clockSkewMs(): number {
    const { files, clock } = this.#host;
    const before = clock.wallMicros() / 1_000;
    files.write(this.#open[0] as number, Buffer.from('d'), 1);
    files.sync(this.#open[0] as number);
    const dated = files.look(this.#path)?.modifiedMs ?? before;
    const after = clock.wallMicros() / 1_000;
    return dated < before ? dated - before : Math.max(0, dated - after);
  }

  /** Whether a touch is reported. */
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
        // Another check reports a read-only file system.
      }
    }
  }
}
