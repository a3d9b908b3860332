import { type Mark, newMark } from '../host/mark.ts';
import { seesProcesses } from '../host/process-table.ts';
import { Watcher } from './watcher.ts';

interface WatchedGroup {
  readonly group: number;
  readonly graceMs: number;
  readonly mark: Mark;
}

/**
 * Ends our daemons when we cannot: after SIGKILL, a crash, `process.exit`.
 *
 * It is a shell, and a second one in reserve, which acts if the first was killed together with us. Both read from us which
 * daemons there are; the end of that input is our end (`guardian-script.ts`). They serve all daemons, start with the first
 * daemon, and are started again when they are killed. Both are in sessions of their own, so that Ctrl-C and a closed
 * terminal end us and not them.
 */
export class Guardian {
  readonly #watched = new Map<number, WatchedGroup>();
  /** Directories to be removed at our end. */
  readonly #directories = new Set<string>();
  /** Made with the first daemon: it takes a nonce. */
  #mark: Mark | null = null;
  #marks = 0;
  #watchers: readonly [first: Watcher, second: Watcher] | null = null;

  /** Returns a mark for a new daemon. All of our daemons have the same name in it, so that one look finds all; each has its own value. */
  mark(): Mark {
    this.#mark ??= newMark();
    this.#marks += 1;
    return { name: this.#mark.name, value: String(this.#marks) };
  }

  /**
   * Starts the guardian, unless it runs. It must run before a daemon does: an unwatched daemon would outlive us.
   *
   * @throws an error if the guardian cannot be started
   */
  start(): void {
    this.#watchers ??= this.#made();
    for (const watcher of this.#watchers) watcher.start();
  }

  /** Adds a daemon: its process group and its mark. From now on it does not outlive us. */
  watch(group: number, graceMs: number, mark: Mark): void {
    const watched = { group, graceMs, mark };
    this.#watched.set(group, watched);
    this.#send(watchLine(watched));
  }

  /** Removes a group that is gone: its number may soon be another group's. */
  leave(group: number): void {
    if (this.#watched.delete(group)) this.#send(`leave ${group}\n`);
  }

  /** Has a directory removed at our end, whatever that is; after the daemons, which may use it. It need not exist yet. */
  removeAtEnd(directory: string): void {
    this.#directories.add(directory);
    this.#send(removeLine(directory));
  }

  /** We have removed it. */
  wasRemoved(directory: string): void {
    if (this.#directories.delete(directory)) this.#send(`removed ${encoded(directory)}\n`);
  }

  #made(): readonly [Watcher, Watcher] {
    const common = {
      mark: seesProcesses() ? this.mark().name : '-',
      isNeeded: () => this.#watched.size + this.#directories.size > 0,
    };
    const inform = (watcher: Watcher) => {
      for (const watched of this.#watched.values()) watcher.send(watchLine(watched));
      for (const directory of this.#directories) watcher.send(removeLine(directory));
    };
    const first: Watcher = new Watcher({
      ...common,
      role: 'first',
      onStart: () => {
        inform(first);
        second.send(firstLine(first));
      },
    });
    const second: Watcher = new Watcher({
      ...common,
      role: 'second',
      onStart: () => {
        second.send(firstLine(first));
        inform(second);
      },
    });
    return [first, second];
  }

  #send(line: string): void {
    for (const watcher of this.#watchers ?? []) watcher.send(line);
  }
}

function watchLine({ group, graceMs, mark }: WatchedGroup): string {
  return `watch ${group} ${Math.ceil(graceMs)} ${mark.value}\n`;
}

function removeLine(directory: string): string {
  return `remove ${encoded(directory)}\n`;
}

/** A path as one word, as the shell's `printf %b` reads it. */
function encoded(directory: string): string {
  return [...Buffer.from(directory)]
    .map((byte) => (/[\w/.-]/.test(String.fromCharCode(byte)) ? String.fromCharCode(byte) : `\\0${byte.toString(8)}`))
    .join('');
}

/** Which process the second one waits for. */
function firstLine({ pid }: Watcher): string {
  return pid === null ? '' : `first ${pid}\n`;
}
