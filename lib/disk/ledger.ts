import type { Host } from '../host/host.ts';
import { Journal } from '../journal/journal.ts';
import { otherNameError } from '../journal/journal-error.ts';
import { type JournalRecord, recordTime } from '../journal/record.ts';
import type { RecordBytes } from '../journal/record-template.ts';
import { type Config, emptyHeader, isSameConfig } from '../line/config.ts';
import type { Entry } from '../line/entry.ts';
import { Line } from '../line/line.ts';
import type { Outcome } from '../line/outcome.ts';
import type { Presence } from '../session/session-file.ts';
import type { Floor } from './epoch-floor.ts';
import type { OwnEntries } from './own-entries.ts';

/** How often an open journal is checked for being the one in the store. */
const IN_PLACE_EVERY_MS = 100;

export interface LedgerOptions {
  host: Host;
  presence: Presence;
  /** The resource's own directory. */
  directory: string;
  name: string;
  fileMode: number;
  directoryMode: number;
  rotateBytes?: number;
  keptEpochs?: number;
  /** The numbers that a new resource begins above. Default: zeros. */
  floor?: () => Floor;
  /** As of `EpochFilesOptions`. */
  preparedIn?: string;
  /** Only look: nothing is written, not even the next epoch of a journal that was left sealed. */
  readOnly?: boolean;
}

/**
 * One resource's journal, and the line that is folded from it. Every method leaves this session's own entries agreeing
 * with what was read.
 */
export class Ledger {
  readonly #options: LedgerOptions;
  readonly #own: OwnEntries;
  readonly #journal: Journal<Line>;
  #line: Line;
  #inPlaceAt = Number.NEGATIVE_INFINITY;
  #gone = false;

  private constructor(options: LedgerOptions, own: OwnEntries, journal: Journal<Line>) {
    this.#options = options;
    this.#own = own;
    this.#journal = journal;
    this.#line = journal.machine;
  }

  /**
   * Opens the journal, up to date, and makes it if `initial` is given. Null if it is not there.
   *
   * @throws {StoreError}
   */
  static open(options: LedgerOptions, own: OwnEntries, initial: Config | null): Ledger | null {
    const { presence, directory, name, floor = () => ({ epoch: 0, last: 0 }) } = options;
    const made = (config: Config) => ({ ...emptyHeader(name, config), last: floor().last });
    const journal = Journal.open<Line>({
      ...options,
      subject: name,
      key: presence.session.key,
      firstEpoch: () => floor().epoch + 1,
      ...(initial ? { initial: (forgotten) => forgotten?.headerOfNext(initial) ?? made(initial) } : {}),
      load: (header) => new Line(header, own.observer),
      succeeds: (next, last) => isSameConfig(next.config, last.config),
    });
    own.forget();
    if (!journal || journal.machine.name === name) return journal && new Ledger(options, own, journal);
    journal.close();
    throw otherNameError({ subject: name, directory }, journal.machine.name);
  }

  /** As far as it was read. */
  get line(): Line {
    return this.#line;
  }

  /** As `Epoch.revision`. */
  get revision(): number {
    return this.#journal.revision;
  }

  /** The id of this session's next record. */
  nextId(): string {
    return this.#options.presence.session.nextId();
  }

  /**
   * For how long nothing has been written to the journal, in ms, by the clock of its file system. 0 where that clock is
   * ahead of ours: it may be another machine's, and a file's time has nanoseconds where ours has microseconds.
   */
  idleMs(): number {
    const { clock } = this.#options.host;
    return Math.max(0, clock.wallMicros() / 1000 - this.#journal.modifiedMs());
  }

  /** The wall clock in µs, for records. */
  now(): number {
    return recordTime(this.#options.host.clock.wallMicros());
  }

  /**
   * Appends a record, and returns what the fold decided of it. The caller must `settle` afterwards, when it has added
   * its own part. `text` is the record's JSON.
   *
   * @throws {StoreError}
   */
  append(record: JournalRecord, text: string | RecordBytes = JSON.stringify(record)): Outcome {
    try {
      return this.#journal.append(record, text);
    } catch (error) {
      // Records of others were folded before it failed.
      this.settle(true);
      throw error;
    }
  }

  /** Appends a record and settles. `poke`: it may admit or end entries of others. @throws {StoreError} */
  write(record: JournalRecord, poke: boolean): Outcome {
    const outcome = this.append(record);
    this.settle(poke);
    return outcome;
  }

  /** The outcome of a record; `over` if the resource ended before it: then the entry that it was about had ended, too. */
  unlessOver(over: Outcome, call: () => Outcome): Outcome {
    try {
      return call();
    } catch (error) {
      if (this.isOver) return over;
      throw error;
    }
  }

  /** Applies to our entries what was folded, and wakes the owners of others if `poke`. */
  settle(poke: boolean): void {
    const { isOver, machine } = this.#journal;
    if (!isOver && machine !== this.#line) {
      this.#line = machine;
      this.#own.findIn(machine);
    }
    this.#own.settle(poke);
    // Found at an append, or at the rotation behind one that counts.
    if (isOver) this.#lose();
  }

  /** Whether the journal was found to be deleted, replaced, or forgotten. */
  get isOver(): boolean {
    return this.#gone;
  }

  /** Reads what is new. */
  refresh(): void {
    if (this.#journal.refresh()) this.settle(false);
  }

  /** The same, and makes sure that the journal read is still the one in the store. */
  refreshInPlace(): void {
    if (!this.isGone()) this.refresh();
  }

  /**
   * Whether the store was deleted or replaced under us, or the resource forgotten; looked up at most every 100 ms. Then
   * what we held there is lost, and nothing more can be done here: the next caller opens the resource anew.
   */
  isGone(): boolean {
    const now = this.#options.host.clock.monotonicMs();
    // A caller that only looks does so seldom, and may not look again before something changes.
    const everyMs = this.#options.readOnly ? 0 : IN_PLACE_EVERY_MS;
    if (this.#gone || now - this.#inPlaceAt < everyMs) return this.#gone;
    this.#inPlaceAt = now;
    if (!this.#journal.isInPlace()) this.#lose();
    else this.settle(false);
    return this.#gone;
  }

  /**
   * Ends our entries with their line. There are none in a line that was forgotten: but those that were ended just before
   * learn why from the records that were still read of it.
   */
  #lose(): void {
    this.#gone = true;
    this.#own.settle(false);
    this.#own.loseAll('its journal was deleted or replaced');
  }

  /** A record's entry as it is in the present line: a rotation behind the record has made it anew. */
  present(entry: Entry): Entry {
    return this.#journal.machine.find(entry.ticket) ?? entry;
  }

  close(): void {
    this.#journal.close();
  }
}
