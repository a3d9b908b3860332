import path from 'node:path';
import type { Host } from '../host/host.ts';
import { checkOwnDirectory, type StoreDirectory } from '../host/own-directory.ts';
import { storeErrorOf } from '../host/system-error.ts';
import { EpochFiles } from '../journal/epoch-files.ts';
import { Journal } from '../journal/journal.ts';
import { followPast } from '../journal/replay.ts';
import type { Config } from '../line/config.ts';
import { Line } from '../line/line.ts';
import { NO_OBSERVER } from '../line/observer.ts';
import type { Judge } from '../session/liveness.ts';
import type { Presence } from '../session/session-file.ts';
import { encodeName } from '../store/name.ts';
import type { ForgetOptions, Forgotten } from '../store/store.ts';
import { DiskResource } from './disk-resource.ts';
import { EpochFloor, type Floor } from './epoch-floor.ts';

/** Deleted epochs of a guarded store: on a network file system a slow reader could not read one to its end. So they are kept for long. */
const GUARDED_EPOCHS = 64;
/** How often a resource may be forgotten under one call. */
const MAX_ROUNDS = 1_000;
/** Journals kept open though none of our entries is in them. */
const MAX_IDLE_RESOURCES = 128;

export interface OpenResourcesOptions {
  host: Host;
  directory: StoreDirectory;
  presence: Presence;
  judge: Judge;
  rotateBytes?: number;
  readOnly?: boolean;
}

/** The resources of one store: their directories, and those that this session has open. */
export class OpenResources {
  readonly #options: OpenResourcesOptions;
  readonly #open = new Map<string, DiskResource>();
  readonly #epochFloor: EpochFloor;

  constructor(options: OpenResourcesOptions) {
    this.#options = options;
    this.#epochFloor = new EpochFloor(options.host, options.directory);
  }

  all(): DiskResource[] {
    return [...this.#open.values()];
  }

  /** The resource, up to date. Null if the name was never used, or is forgotten. */
  find(name: string): DiskResource | null {
    const resource = this.#current(name);
    resource?.refreshInPlace();
    // It may have been forgotten meanwhile, and made anew.
    if (resource && !resource.isGone()) return resource;
    this.#drop(name);
    return this.#openOne(name, null);
  }

  /** Makes the resource, and the store, where they are not there. */
  findOrMake(name: string, config: Config): DiskResource {
    return this.#current(name) ?? this.#make(name, config);
  }

  /**
   * Calls with the resource, which is made where it is not there; once more with its successor if it was forgotten before
   * the call could write anything.
   */
  use<T>(name: string, config: Config, call: (resource: DiskResource) => T): T {
    for (let round = 1; ; round++) {
      const resource = this.findOrMake(name, config);
      try {
        return call(resource);
      } catch (error) {
        if (!resource.isOver || round === MAX_ROUNDS) throw error;
      }
    }
  }

  /** As `Store.forget`. */
  forget(name: string, options?: ForgetOptions): Forgotten {
    const resource = this.find(name);
    if (resource && !resource.forget(options)) return 'in use';
    this.#drop(name);
    try {
      return this.guard(name, () => this.#remove(name)) || resource ? 'forgotten' : 'unknown';
    } catch (error) {
      // It is forgotten all the same; the next call removes what is left of it.
      if (resource) return 'forgotten';
      throw error;
    }
  }

  /** Where a resource's journals are, so that they can be watched. */
  directoryOf(name: string): string {
    return path.join(this.#directoryOfAll, encodeName(name));
  }

  names(): string[] {
    return this.guard(undefined, () => this.#listAll())
      .flatMap((encoded) => this.#nameOf(encoded) ?? [])
      .sort();
  }

  /** How many names there are, also such as cannot be read. */
  count(): number {
    return this.#listAll().length;
  }

  /** Every line, for a look. @throws {StoreError} if one cannot be read */
  *lines(): Generator<Line> {
    for (const encoded of this.#listAll()) {
      if (encoded.startsWith('.')) continue;
      const line = this.#lineIn(path.join(this.#directoryOfAll, encoded), true);
      if (line) yield line;
    }
  }

  /** Makes one of the store's own directories. */
  makeOwn(own: string): void {
    const { host, directory } = this.#options;
    host.files.makeDirectory(own, directory.directoryMode);
    checkOwnDirectory(host, own);
  }

  /** Throws the system's errors as errors of the store. */
  guard<T>(name: string | undefined, call: () => T): T {
    try {
      return call();
    } catch (error) {
      const at = { operation: 'use the store', path: this.#options.directory.path };
      throw storeErrorOf(error, name === undefined ? at : { ...at, resource: name });
    }
  }

  get #directoryOfAll(): string {
    return path.join(this.#options.directory.path, 'resources');
  }

  get #preparedIn(): string {
    return path.join(this.#options.directory.path, 'new');
  }

  /** The resource, if it is open and still the one in the store. */
  #current(name: string): DiskResource | undefined {
    const resource = this.#open.get(name);
    if (!resource?.isGone()) return resource;
    this.#drop(name);
    return undefined;
  }

  #drop(name: string): void {
    this.#open.get(name)?.close();
    this.#open.delete(name);
  }

  #make(name: string, config: Config): DiskResource {
    this.#makeDirectories(name);
    const resource = this.#openOne(name, config);
    // `#openOne` returns null only where it may not make the journal.
    if (!resource) throw new RangeError(`${name} was not made`);
    return resource;
  }

  #makeDirectories(name: string): void {
    const { directory, presence } = this.#options;
    this.guard(name, () => {
      // Another process may have deleted the store since we opened it: as at its first use, then.
      directory.remake();
      for (const own of [presence.directory, this.#directoryOfAll, this.#preparedIn]) this.makeOwn(own);
      // The journal makes its own directory.
      checkOwnDirectory(this.#options.host, this.directoryOf(name));
      presence.restore();
    });
  }

  #openOne(name: string, initial: Config | null): DiskResource | null {
    const { host, presence, judge, rotateBytes, readOnly = false } = this.#options;
    // Where it is opened for a look only, nothing was made, nor checked.
    if (!initial) {
      this.guard(name, () => {
        for (const own of [this.#directoryOfAll, this.directoryOf(name)]) checkOwnDirectory(host, own);
      });
    }
    const resource = DiskResource.open(
      {
        ...{ host, presence, judge, name, readOnly },
        ...this.#filesOf(name),
        ...(rotateBytes === undefined ? {} : { rotateBytes }),
      },
      initial,
    );
    if (resource) this.#remember(name, resource);
    return resource;
  }

  #filesOf(name: string) {
    const { guarded, fileMode, directoryMode } = this.#options.directory;
    const floor = () => this.#epochFloor.read();
    const kept = guarded ? { keptEpochs: GUARDED_EPOCHS } : {};
    return { directory: this.directoryOf(name), preparedIn: this.#preparedIn, fileMode, directoryMode, floor, ...kept };
  }

  /**
   * Removes the directory of a name that was forgotten, by this session or by one that was killed before it had removed
   * everything. In a guarded store the directory stays: other machines have paths open there, not files.
   */
  #remove(name: string): boolean {
    const { host, directory, presence } = this.#options;
    if (directory.guarded) return false;
    const files = new EpochFiles({ host, subject: name, key: presence.session.key, ...this.#filesOf(name) });
    const last = this.#forgottenLast(name);
    if (last === null) return files.removeEmpty();
    // In this order: see `EpochFiles.begin`. A session that was stopped may still make the next epoch.
    this.#epochFloor.raise({ epoch: last.epoch + 1, last: last.last });
    files.removePrepared();
    return files.removeForgotten(last.epoch);
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

  /** Closes idle ones if too many are open. */
  #remember(name: string, resource: DiskResource): void {
    for (const [key, idle] of this.#open) {
      if (this.#open.size < MAX_IDLE_RESOURCES) break;
      if (idle.inUse) continue;
      idle.close();
      this.#open.delete(key);
    }
    this.#open.set(name, resource);
  }

  #listAll(): string[] {
    const { host } = this.#options;
    checkOwnDirectory(host, this.#directoryOfAll);
    return host.files.list(this.#directoryOfAll) ?? [];
  }

  /** A directory's name is the resource's, encoded; a long one is in the journal's header only. */
  #nameOf(encoded: string): string | null {
    // No name is encoded with a dot in front.
    if (encoded.startsWith('.')) return null;
    try {
      const name = encoded.includes('~')
        ? this.#nameInJournal(path.join(this.#directoryOfAll, encoded))
        : decodeURIComponent(encoded);
      return name !== null && encodeName(name) === encoded ? name : null;
    } catch {
      // Not ours: another program put it there.
      return null;
    }
  }

  #nameInJournal(directory: string): string | null {
    return this.#lineIn(directory, this.#options.readOnly ?? false)?.name ?? null;
  }

  /** The line of a journal that is not kept open. */
  #lineIn(directory: string, readOnly: boolean): Line | null {
    const { host, presence, directory: store } = this.#options;
    const { fileMode, directoryMode } = store;
    const journal = Journal.open({
      ...{ host, directory, subject: directory, readOnly, fileMode, directoryMode },
      key: presence.session.key,
      load: (header) => new Line(header, NO_OBSERVER),
    });
    journal?.close();
    return journal?.machine ?? null;
  }
}
