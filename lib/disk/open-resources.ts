import type { Host } from '../host/host.ts';
import type { StoreDirectory } from '../host/own-directory.ts';
import { storeErrorOf } from '../host/system-error.ts';
import type { Config } from '../line/config.ts';
import type { Line } from '../line/line.ts';
import type { Judge } from '../session/liveness.ts';
import type { Presence } from '../session/session-file.ts';
import { viewLine } from '../store/line-view.ts';
import type { ForgetOptions, Forgotten, LineView } from '../store/store.ts';
import { DiskResource } from './disk-resource.ts';
import { Glances } from './glances.ts';
import { ResourceFiles } from './resource-files.ts';
import { StoreLines } from './store-lines.ts';

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

/** The resources of one store that this session has open. */
export class OpenResources {
  readonly #options: OpenResourcesOptions;
  readonly #open = new Map<string, DiskResource>();
  readonly #files: ResourceFiles;
  readonly #lines: StoreLines;
  readonly #glances = new Glances();

  constructor(options: OpenResourcesOptions) {
    this.#options = options;
    this.#files = new ResourceFiles(options);
    this.#lines = new StoreLines({ ...options, place: this.#files.directoryOfAll, key: options.presence.session.key });
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

  /**
   * The line as it is now. A name that this session does not use is read in passing: most are looked at once, among many.
   * At the second look it is opened, and kept open for the next ones.
   */
  view(name: string): LineView | null {
    const { directory, judge, presence } = this.#options;
    if (directory.guarded || this.#open.has(name) || this.#glances.isRepeated(name))
      return this.find(name)?.view() ?? null;
    const line = this.#lines.look(name);
    return line && viewLine(line, judge, presence.session);
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
      return this.guard(name, () => this.#files.remove(name)) || resource ? 'forgotten' : 'unknown';
    } catch (error) {
      // It is forgotten all the same; the next call removes what is left of it.
      if (resource) return 'forgotten';
      throw error;
    }
  }

  /** Where a resource's journals are, so that they can be watched. */
  directoryOf(name: string): string {
    return this.#files.directoryOf(name);
  }

  /** Closes all journals. The next use opens them again. */
  close(): void {
    for (const name of [...this.#open.keys()]) this.#drop(name);
  }

  names(): string[] {
    return this.guard(undefined, () => this.#lines.names());
  }

  /** As `StoreLines`. */
  count(): number {
    return this.#lines.count();
  }

  lines(): Iterable<Line> {
    return this.#lines.all();
  }

  /** As `ResourceFiles`. */
  makeOwn(own: string): void {
    this.#files.makeOwn(own);
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
    this.guard(name, () => this.#files.make(name));
    const resource = this.#openOne(name, config);
    // `#openOne` returns null only where it may not make the journal.
    if (!resource) throw new RangeError(`${name} was not made`);
    return resource;
  }

  #openOne(name: string, initial: Config | null): DiskResource | null {
    const { host, presence, judge, rotateBytes, readOnly = false } = this.#options;
    // Where it is opened for a look only, nothing was made, nor checked.
    if (!initial) {
      this.guard(name, () => this.#files.check(name));
    }
    const resource = DiskResource.open(
      {
        ...{ host, presence, judge, name, readOnly },
        ...this.#files.of(name),
        ...(rotateBytes === undefined ? {} : { rotateBytes }),
      },
      initial,
    );
    if (resource) this.#remember(name, resource);
    return resource;
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
}
