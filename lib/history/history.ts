import type { Host } from '../host/host.ts';
import { checkOwnDirectory, type StoreDirectory } from '../host/own-directory.ts';
import { storeErrorOf } from '../host/system-error.ts';
import { otherNameError } from '../journal/journal-error.ts';
import { followPast } from '../journal/replay.ts';
import type { Entry } from '../line/entry.ts';
import { whyGone } from '../session/liveness.ts';
import { encodeName } from '../store/name.ts';
import type { PastAction, Span } from './span.ts';
import { Recorder } from './span-recorder.ts';

/** What a resource's journals still tell of it: its current epoch, and what is kept of those before. */
export interface Past {
  name: string;
  kind: string;
  permits: number;
  /** Of an event 1 if it is set, of a barrier 1 if it is broken, of a counter its number. */
  value: number;
  /** In the order in which they entered. */
  spans: Span[];
  actions: PastAction[];
  /** When what is known begins, in ms: who held then may have held for long. */
  from: number;
  /** When it was read. */
  readAt: number;
  /** The epochs that could not be read, and were passed over. */
  damaged: number[];
}

/**
 * Reads what became of the resources of a store. It joins no line, and writes nothing; so it hinders nobody, and
 * nobody hinders it.
 */
export class History {
  readonly #host: Host;
  readonly #store: Pick<StoreDirectory, 'path' | 'local'>;

  constructor(host: Host, store: Pick<StoreDirectory, 'path' | 'local'>) {
    this.#host = host;
    this.#store = store;
  }

  /**
   * What is known of one resource; null if nothing was ever kept under that name.
   *
   * @throws {StoreError}
   */
  of(name: string): Past | null {
    const past = this.#read(encodeName(name), name);
    if (past && past.name !== name) {
      throw otherNameError({ subject: name, directory: `${this.#resources}/${encodeName(name)}` }, past.name);
    }
    return past;
  }

  /** What is known of every resource, by name; `onError` is told of those that cannot be read. */
  all(onError: (error: unknown) => void): Past[] {
    const pasts = this.#directories().flatMap((directory) => {
      try {
        const past = this.#read(directory, directory);
        return past && encodeName(past.name) === directory ? [past] : [];
      } catch (error) {
        onError(error);
        return [];
      }
    });
    return pasts.sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  get #resources(): string {
    return `${this.#store.path}/resources`;
  }

  #directories(): string[] {
    return this.#guard(this.#resources, () => {
      checkOwnDirectory(this.#host, this.#resources);
      return this.#host.files.list(this.#resources) ?? [];
    });
  }

  #read(encoded: string, subject: string): Past | null {
    const directory = `${this.#resources}/${encoded}`;
    this.#guard(directory, () => {
      for (const own of [this.#resources, directory]) checkOwnDirectory(this.#host, own);
    });
    const followed = followPast({ host: this.#host, directory, subject }, () => new Recorder());
    const line = followed?.told.line;
    if (!followed || !line) return null;
    const { told, damaged } = followed;
    const { spans, actions } = told;
    told.close((entry) => this.#whyStale(entry));
    const readAt = this.#host.clock.wallMicros() / 1000;
    const from = told.firstAt ?? spans.reduce((latest, { enteredAt }) => Math.max(latest, enteredAt), 0);
    return { name: line.name, ...line.config, value: line.value, spans, actions, from, readAt, damaged };
  }

  /** Why the kernel knows all its owners to be gone, or null if one of them may live. */
  #whyStale(entry: Entry): string | null {
    const { processes } = this.#host;
    const reasons = entry.owners.map(({ facts, relieved }) =>
      relieved ? 'it handed the entry over' : (whyGone(processes, facts, this.#store.local) ?? null),
    );
    return reasons.includes(null) ? null : (reasons.at(-1) ?? null);
  }

  #guard<T>(path: string, call: () => T): T {
    try {
      return call();
    } catch (error) {
      throw storeErrorOf(error, { operation: 'read', path });
    }
  }
}
