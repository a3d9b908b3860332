import { StoreError } from '../errors.ts';
import type { Host } from '../host/host.ts';
import { checkOwnDirectory, type StoreDirectory } from '../host/own-directory.ts';
import { pinnedHost } from '../host/pinned-files.ts';
import { removeQuietly } from '../host/remove-quietly.ts';
import { storeErrorOf } from '../host/system-error.ts';
import { writeAtOnce, writeWhole } from '../host/whole-write.ts';
import { encodeName } from '../store/name.ts';
import {
  beatsDirectory,
  type EndMark,
  isPrivate,
  markText,
  privateFile,
  type Report,
  readReport,
  reportText,
} from './report-file.ts';

/** A private file this old was left by a reporter that was killed before it began. */
const SWEPT_AFTER_MS = 60_000;

/** The report that a heartbeat found: this reporter's, one with another process's end mark, or a newer reporter's. */
export type BeatFound = 'ours' | 'marked' | 'replaced';

export interface OwnReportOptions {
  host: Host;
  directory: StoreDirectory;
  report: Omit<Report, 'mark'>;
}

/**
 * This reporter's own file: made at the start, and touched at every heartbeat through its own descriptor. So a reporter
 * never touches the file of a newer one, however long it was stopped.
 *
 * Every method throws the system's error, and may be called again after that.
 */
export class OwnReport {
  readonly #options: OwnReportOptions;
  readonly #directory: string;
  readonly path: string;
  #fd = -1;
  #inode = 0;
  #size = 0;
  #attempts = 0;
  #begun = false;

  constructor(options: OwnReportOptions) {
    this.#options = { ...options, host: pinnedHost(options.host, options.directory) };
    this.#directory = beatsDirectory(options.directory.path);
    this.path = `${this.#directory}/${encodeName(options.report.name)}`;
  }

  beat(): BeatFound {
    const { files } = this.#options.host;
    const found = this.#fd === -1 ? null : files.look(this.path);
    if (found === null) {
      // The first heartbeat; or the report, or the whole store, was deleted.
      this.close();
      return this.#begin();
    }
    if (found.inode !== this.#inode) return 'replaced';
    // Another process marked its end (`endReport`).
    if (found.size !== this.#size) return 'marked';
    files.touchOpen(this.#fd);
    return 'ours';
  }

  mark(mark: EndMark): void {
    if (this.#fd !== -1) writeAtOnce(this.#options.host.files, this.#fd, Buffer.from(markText(mark)));
  }

  close(): void {
    const fd = this.#fd;
    // Even if `close` throws, the descriptor is closed, and its number may be reused.
    this.#fd = -1;
    try {
      if (fd !== -1) this.#options.host.files.close(fd);
    } catch {
      // The file's times are the report, and they are set.
    }
  }

  /**
   * Writes the report whole under a private name, then gives it its place. The first time it replaces any file there.
   * Later it takes only a free place, because a file there is a newer reporter's. A crash in between leaves the private
   * file, which a later reporter removes.
   */
  #begin(): BeatFound {
    this.#attempts += 1;
    const { host, directory } = this.#options;
    directory.remake();
    host.files.makeDirectory(this.#directory, directory.directoryMode);
    checkOwnDirectory(host, this.#directory);
    const own = `${this.#directory}/${privateFile(this.#options.report.key)}`;
    try {
      this.#write(own);
      if (!this.#take(own)) return 'replaced';
      this.#begun = true;
    } catch (error) {
      this.close();
      throw error;
    } finally {
      removeQuietly(host, own);
    }
    this.#sweep();
    return 'ours';
  }

  #write(own: string): void {
    const { host, directory, report } = this.#options;
    const bytes = Buffer.from(reportText(report));
    const fd = host.files.create(own, directory.fileMode);
    try {
      writeWhole(bytes, (rest) => host.files.write(fd, rest, rest.length));
    } finally {
      host.files.close(fd);
    }
    // Open for append: a mark must not overwrite one that another process set.
    this.#fd = host.files.openForAppend(own);
    this.#inode = host.files.look(own)?.inode ?? 0;
    this.#size = bytes.length;
  }

  /** Gives the private file its place; false if a newer reporter has it. */
  #take(own: string): boolean {
    const { files } = this.#options.host;
    if (this.#begun) return files.link(own, this.path);
    if (this.#attempts > 1 && this.#isNewerThere()) return false;
    files.rename(own, this.path);
    return true;
  }

  /** Whether another reporter began later, while this one could not write. */
  #isNewerThere(): boolean {
    const { files } = this.#options.host;
    const found = files.look(this.path);
    if (found === null) return false;
    const reading = readReport(files, this.path, found);
    return 'report' in reading && reading.report.since > this.#options.report.since;
  }

  /** Removes the private files of reporters that were killed before they began. */
  #sweep(): void {
    const { files } = this.#options.host;
    const now = this.#options.host.clock.wallMicros() / 1_000;
    for (const file of files.list(this.#directory) ?? []) {
      if (!isPrivate(file)) continue;
      const path = `${this.#directory}/${file}`;
      const found = files.look(path);
      if (found !== null && now - found.modifiedMs > SWEPT_AFTER_MS) removeQuietly(this.#options.host, path);
    }
  }
}

/**
 * Marks a name's report as ended cleanly, on behalf of its reporter, which stops at its next heartbeat. False if there
 * is no report. Idempotent.
 *
 * It appends through a descriptor: if a newer reporter takes the name over meanwhile, its report is not touched.
 *
 * @throws {StoreError} if the file there is not a report, or cannot be written
 */
export function endReport(host: Host, directory: StoreDirectory, name: string): boolean {
  const { files } = pinnedHost(host, directory);
  const path = `${beatsDirectory(directory.path)}/${encodeName(name)}`;
  const at = { operation: 'end the report', resource: name, path };
  try {
    checkOwnDirectory(host, beatsDirectory(directory.path));
    const found = files.look(path);
    if (found === null) return false;
    const reading = readReport(files, path, found);
    // It could not be read: it may be a valid report, which the message must not advise to remove.
    if ('failure' in reading) throw reading.failure;
    if ('problem' in reading)
      throw new StoreError(
        'BEAT_UNREADABLE',
        `${name}: ${reading.problem}: ${path}. Nothing was changed. Remove it, or stop what wrote it.`,
        at,
      );
    if (reading.report.mark?.state === 'ended') return true;
    const fd = files.openForAppend(path);
    try {
      const mark: EndMark = { state: 'ended', code: 0, at: Math.floor(host.clock.wallMicros() / 1_000) };
      writeAtOnce(files, fd, Buffer.from(markText(mark)));
    } finally {
      files.close(fd);
    }
    return true;
  } catch (error) {
    throw storeErrorOf(error, at);
  }
}
