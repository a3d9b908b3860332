import { StoreError } from '../errors.ts';
import { closeOnce } from '../host/close-once.ts';
import type { Host } from '../host/host.ts';
import { makeOwnDirectory, type StoreDirectory } from '../host/own-directory.ts';
import { pinnedHost } from '../host/pinned-files.ts';
import { removeQuietly } from '../host/remove-quietly.ts';
import { storeErrorOf } from '../host/system-error.ts';
import { writeWhole } from '../host/whole-write.ts';
import { eventText, jobDirectory, jobsDirectory, runFile, startText } from './record-format.ts';
import type { RunEvent, RunStart } from './run.ts';

/** The prefix of a record that has not got its own name yet. */
export const PRIVATE = '.next.';
/** How often the job's directory may be removed while a record is made in it. */
const MAX_ROUNDS = 10;

/**
 * The record of a run, open for its only writer. Each event is one line. A line that is torn, because the writer was killed
 * or the disk is full, is no event, and the next event begins a line of its own.
 *
 * Every method throws a `StoreError` if the write fails.
 */
export class RunRecord {
  readonly start: RunStart;
  readonly path: string;
  readonly #host: Host;
  #fd: number;
  #text: string;

  private constructor(host: Host, start: RunStart, path: string, fd: number) {
    this.#host = host;
    this.start = start;
    this.path = path;
    this.#fd = fd;
    this.#text = startText(start);
  }

  /** Writes the start under a private name, then renames the file. A crash in between leaves a private file, which is swept. */
  static begin(machine: Host, store: StoreDirectory, start: RunStart): RunRecord {
    for (let round = 1; ; round++) {
      try {
        return RunRecord.#begin(machine, store, start);
      } catch (error) {
        // Another process forgot the job, and removed its directory before the record was in it.
        if (!(error instanceof StoreError && error.code === 'STORE_GONE') || round === MAX_ROUNDS) throw error;
      }
    }
  }

  static #begin(machine: Host, store: StoreDirectory, start: RunStart): RunRecord {
    const host = pinnedHost(machine, store);
    const directory = jobDirectory(store.path, start.job);
    const own = `${directory}/${PRIVATE}${start.key}`;
    const path = `${directory}/${runFile(start)}`;
    let fd = -1;
    return guard(start, path, () => {
      try {
        store.remake();
        makeOwnDirectory(host, jobsDirectory(store.path), store.directoryMode);
        makeOwnDirectory(host, directory, store.directoryMode);
        host.files.close(host.files.create(own, store.fileMode));
        fd = host.files.openForAppend(own);
        writeText(host, fd, startText(start));
        host.files.rename(own, path);
        return new RunRecord(host, start, path, fd);
      } catch (error) {
        if (fd !== -1) closeOnce(host.files, fd);
        // Wherever it failed, no run has started, and no record must say so.
        for (const file of [own, path]) removeQuietly(host, file);
        throw error;
      }
    });
  }

  /** The text that was written so far, without the torn lines. */
  get text(): string {
    return this.#text;
  }

  append(event: RunEvent): void {
    const text = eventText(event);
    guard(this.start, this.path, () => writeText(this.#host, this.#fd, text));
    this.#text += text;
  }

  /** Makes all events written so far survive a power cut. */
  sync(): void {
    guard(this.start, this.path, () => this.#host.files.sync(this.#fd));
  }

  close(): void {
    const fd = this.#fd;
    this.#fd = -1;
    if (fd !== -1) closeOnce(this.#host.files, fd);
  }
}

function writeText({ files }: Host, fd: number, text: string): void {
  writeWhole(Buffer.from(text), (rest) => files.write(fd, rest, rest.length));
}

function guard<T>({ job }: RunStart, path: string, call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw storeErrorOf(error, { operation: 'write the record of a run', resource: job, path });
  }
}
