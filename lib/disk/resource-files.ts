import path from 'node:path';
import type { Host } from '../host/host.ts';
import { checkOwnDirectory, makeOwnDirectory, type StoreDirectory } from '../host/own-directory.ts';
import { EpochFiles } from '../journal/epoch-files.ts';
import { followPast } from '../journal/replay.ts';
import { Line } from '../line/line.ts';
import { NO_OBSERVER } from '../line/observer.ts';
import type { Presence } from '../session/session-file.ts';
import { encodeName } from '../store/name.ts';
import { EpochFloor, type Floor } from './epoch-floor.ts';
import { removeHint } from './hint-file.ts';

/** Deleted epochs of a guarded store: on a network file system a slow reader could not read one to its end. So they are kept for long. */
const GUARDED_EPOCHS = 64;

export interface ResourceFilesOptions {
  host: Host;
  directory: StoreDirectory;
  presence: Presence;
}

/** The directories of a store's resources: where they are, and how they are made, checked and removed. */
export class ResourceFiles {
  readonly #options: ResourceFilesOptions;
  readonly #epochFloor: EpochFloor;

  constructor(options: ResourceFilesOptions) {
    this.#options = options;
    this.#epochFloor = new EpochFloor(options.host, options.directory);
  }

  get directoryOfAll(): string {
    return path.join(this.#options.directory.path, 'resources');
  }

  /** Where a resource's journals are. */
  directoryOf(name: string): string {
    return path.join(this.directoryOfAll, encodeName(name));
  }

  /** A resource's files, as its journal needs to know them. */
  of(name: string) {
    const { guarded, fileMode, directoryMode } = this.#options.directory;
    const floor = () => this.#epochFloor.read();
    const kept = guarded ? { keptEpochs: GUARDED_EPOCHS } : {};
    return { directory: this.directoryOf(name), preparedIn: this.#preparedIn, fileMode, directoryMode, floor, ...kept };
  }

  /** Makes one of the store's own directories. */
  makeOwn(own: string): void {
    const { host, directory } = this.#options;
    makeOwnDirectory(host, own, directory.directoryMode);
  }

  /** Makes what a new resource needs, and the store itself where it is not there. */
  make(name: string): void {
    const { host, directory, presence } = this.#options;
    // Another process may have deleted the store since we opened it: as at its first use, then.
    directory.remake();
    for (const own of [presence.directory, this.directoryOfAll, this.#preparedIn]) this.makeOwn(own);
    // The journal makes its own directory.
    checkOwnDirectory(host, this.directoryOf(name));
    presence.restore();
  }

  /** Checks the directories of a resource that is opened for a look only: nothing of it was made here. */
  check(name: string): void {
    for (const own of [this.directoryOfAll, this.directoryOf(name)]) checkOwnDirectory(this.#options.host, own);
  }

  /**
   * Removes the directory of a name that was forgotten, by this session or by one that was killed before it had removed
   * everything. In a guarded store the directory stays: other machines have paths open there, not files.
   */
  remove(name: string): boolean {
    const { host, directory, presence } = this.#options;
    if (directory.guarded) return false;
    removeHint(host, directory.path, name);
    const files = new EpochFiles({ host, subject: name, key: presence.session.key, ...this.of(name) });
    const last = this.#forgottenLast(name);
    if (last === null) return files.removeEmpty();
    // In this order: see `EpochFiles.begin`. A session that was stopped may still make the next epoch.
    this.#epochFloor.raise({ epoch: last.epoch + 1, last: last.last });
    files.removePrepared();
    return files.removeForgotten(last.epoch);
  }

  get #preparedIn(): string {
    return path.join(this.#options.directory.path, 'new');
  }

  /** The last numbers of a name that was forgotten; null if it was not, or has been made anew. */
  #forgottenLast(name: string): Floor | null {
    let line: Line | null = null as Line | null;
    const begin = (header: unknown) => {
      line = new Line(header, NO_OBSERVER);
      return line;
    };
    const place = { host: this.#options.host, subject: name, directory: this.directoryOf(name) };
    const past = followPast(place, () => ({ begin }));
    return past && line?.isForgotten ? { epoch: past.epoch, last: line.last } : null;
  }
}
