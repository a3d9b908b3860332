import type { Host } from '../host/host.ts';
import { checkOwnDirectory, type StoreDirectory } from '../host/own-directory.ts';
import { storeErrorOf } from '../host/system-error.ts';
import { Journal } from '../journal/journal.ts';
import { otherNameError } from '../journal/journal-error.ts';
import { presentState } from '../journal/present-state.ts';
import { Line } from '../line/line.ts';
import { NO_OBSERVER } from '../line/observer.ts';
import { encodeName } from '../store/name.ts';

/** How often the directory of all names is checked for a caller that looks at one name after another. */
const CHECK_EVERY_MS = 100;

export interface StoreLinesOptions {
  host: Host;
  directory: StoreDirectory;
  /** The directory of all names. */
  place: string;
  /** This session's. */
  key: string;
  readOnly?: boolean;
}

/** The names in a store, and their lines, read in passing: no journal is kept open. */
export class StoreLines {
  readonly #options: StoreLinesOptions;
  #checkedAt = Number.NEGATIVE_INFINITY;

  constructor(options: StoreLinesOptions) {
    this.#options = options;
  }

  /** Sorted. @throws the system's error */
  names(): string[] {
    return this.#list()
      .flatMap((encoded) => this.#nameOf(encoded) ?? [])
      .sort();
  }

  /** How many names there are, also such as cannot be read. @throws the system's error */
  count(): number {
    return this.#list().length;
  }

  /** Every line, for a look. @throws {StoreError} if one cannot be read */
  *all(): Generator<Line> {
    for (const encoded of this.#list()) {
      if (encoded.startsWith('.')) continue;
      const line = this.#lineIn(`${this.#options.place}/${encoded}`, true);
      if (line) yield line;
    }
  }

  /**
   * The line of one name; null if the name was never used, or is forgotten.
   *
   * @throws {StoreError}
   */
  look(name: string): Line | null {
    const { host, place } = this.#options;
    this.#checkPlace(name);
    const at = { host, subject: name, directory: `${place}/${encodeName(name)}` };
    const line = this.#lineIn(at.directory, true, name);
    if (line && line.name !== name) throw otherNameError(at, line.name);
    return line;
  }

  #checkPlace(name: string): void {
    const { host, directory, place } = this.#options;
    const now = host.clock.monotonicMs();
    if (now - this.#checkedAt < CHECK_EVERY_MS) return;
    try {
      checkOwnDirectory(host, place);
    } catch (error) {
      throw storeErrorOf(error, { operation: 'use the store', path: directory.path, resource: name });
    }
    this.#checkedAt = now;
  }

  #list(): string[] {
    const { host, place } = this.#options;
    checkOwnDirectory(host, place);
    return host.files.list(place) ?? [];
  }

  /** A directory's name is the resource's, encoded; a long one is in the journal's header only. */
  #nameOf(encoded: string): string | null {
    // No name is encoded with a dot in front.
    if (encoded.startsWith('.')) return null;
    try {
      const name = encoded.includes('~')
        ? (this.#lineIn(`${this.#options.place}/${encoded}`, this.#options.readOnly ?? false)?.name ?? null)
        : decodeURIComponent(encoded);
      return name !== null && encodeName(name) === encoded ? name : null;
    } catch {
      // Not ours: another program put it there.
      return null;
    }
  }

  #lineIn(directory: string, readOnly: boolean, subject = directory): Line | null {
    const { host, key, directory: store } = this.#options;
    if (!store.guarded) return presentState({ host, subject, directory }, lineOf);
    const { fileMode, directoryMode } = store;
    const options = { host, directory, subject, readOnly, fileMode, directoryMode, key, load: lineOf };
    const journal = Journal.open(options);
    journal?.close();
    return journal?.machine ?? null;
  }
}

function lineOf(header: unknown): Line {
  return new Line(header, NO_OBSERVER);
}
