import { readOnlyGuardedHost } from '../disk/read-only-host.ts';
import { StoreLines } from '../disk/store-lines.ts';
import type { Host, ProcessFacts } from '../host/host.ts';
import type { StoreDirectory } from '../host/own-directory.ts';
import { newestJournal } from '../journal/epoch-files.ts';
import type { Line } from '../line/line.ts';
import type { Owner } from '../session/facts.ts';
import { gripOf } from '../session/lifeline.ts';
import { Judge } from '../session/liveness.ts';
import { canHaveFile, commandLifeline, sessionLifeline } from '../session/session.ts';
import { encodeName } from '../store/name.ts';
import { hasJoined } from './lost-runs.ts';
import type { Run } from './run.ts';

/** A process of a run, as an owner of the run's entry in the line of its lock. */
export interface RunOwner {
  facts: ProcessFacts;
  /** Undefined: it is not known by which key, as on a store on servers, and it cannot be judged here. */
  session?: string;
}

/** The keys of a line's owners, and the state of the journal that they were read from. */
interface KeysRead {
  job: string;
  mark: string;
  keys: ReadonlySet<string>;
}

/**
 * Judges the processes of runs as the lines of their locks judge them, in a store on disk: by lifelines, which work in any pid namespace of
 * this kernel. It writes nothing. Use it where a pid says nothing, as that of a container.
 */
export class RunOwners {
  readonly #host: Host;
  readonly #store: StoreDirectory;
  readonly #sessions: string;
  readonly #judge: Judge;
  readonly #lines: StoreLines;
  #last: KeysRead | null = null;

  constructor(host: Host, store: StoreDirectory) {
    this.#host = host;
    this.#store = store;
    this.#sessions = `${store.path}/sessions`;
    this.#judge = new Judge({ host, directory: this.#sessions, local: store.local });
    const reading = store.guarded ? readOnlyGuardedHost : host;
    const place = `${store.path}/resources`;
    this.#lines = new StoreLines({ host: reading, directory: store, place, key: '', readOnly: true });
  }

  /**
   * Whether an owner is proved dead. Fails closed: an owner that cannot be judged lives.
   *
   * A lifeline that is there decides. The lifelines of the dead are removed at last, by later sessions, but never before the entry that
   * needs them has left the line. So without one the line decides, in an order in which a run that goes on, or ends, is never found dead:
   *   1. the run's record was read: it has joined the line, and has not ended;
   *   2. the lifelines are looked for: there are none;
   *   3. the line is read: the owner has no entry. It was released, after the end was recorded; or evicted, as dead or by a person.
   * The caller reads the record again, for the end.
   */
  isDead({ facts, session }: RunOwner, run: Run): boolean {
    if (session === undefined) return false;
    const owner: Owner = { key: session, facts, relieved: false };
    if (this.#judge.whyDead(owner, run.at * 1000) !== null) return true;
    if (!canHaveFile(owner) || !hasJoined(run, this.#host.clock.wallMicros() / 1000)) return false;
    return !this.#isHeld(owner) && !this.#isInLine(run.job, session);
  }

  #isHeld(owner: Owner): boolean {
    const names = [sessionLifeline(owner), commandLifeline(owner)];
    return names.some((name) => gripOf(this.#host, `${this.#sessions}/${name}`) === 'held');
  }

  /** A line that cannot be read may have any owner. */
  #isInLine(job: string, key: string): boolean {
    try {
      return this.#keysOf(job).has(key);
    } catch {
      return true;
    }
  }

  /** The keys of all owners in a line. They are read once for all runs of a job, unless the journal has changed. */
  #keysOf(job: string): ReadonlySet<string> {
    // Before the line is read: a change meanwhile gives another mark.
    const mark = this.#markOf(job);
    if (mark !== null && this.#last?.job === job && this.#last.mark === mark) return this.#last.keys;
    const keys = keysIn(this.#lines.look(job));
    this.#last = mark === null ? null : { job, mark, keys };
    return keys;
  }

  /** Null if a journal cannot be known to be unchanged: a network file system may answer with its size of a minute ago. */
  #markOf(job: string): string | null {
    if (this.#store.guarded) return null;
    const { files } = this.#host;
    const path = newestJournal(files, `${this.#store.path}/resources/${encodeName(job)}`);
    const found = path === null ? null : files.look(path);
    return found && `${path} ${found.inode} ${found.size}`;
  }
}

function keysIn(line: Line | null): ReadonlySet<string> {
  const keys = new Set<string>();
  for (let entry = line?.first ?? null; entry; entry = entry.next) for (const { key } of entry.owners) keys.add(key);
  return keys;
}
