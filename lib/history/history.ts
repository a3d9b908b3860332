import type { Host } from '../host/host.ts';
import { checkOwnDirectory, type StoreDirectory } from '../host/own-directory.ts';
import { storeErrorOf } from '../host/system-error.ts';
import { otherNameError } from '../journal/journal-error.ts';
import { followPast } from '../journal/replay.ts';
import type { Entry } from '../line/entry.ts';
import { Judge } from '../session/liveness.ts';
import { encodeName } from '../store/name.ts';
import type { Past } from '../store/past.ts';
import { SpanRecorder } from './span-recorder.ts';

/**
 * Reads the past of the resources of a store. It joins no line and writes nothing, so it neither blocks nor is blocked.
 */
export class History {
  readonly #host: Host;
  readonly #store: Pick<StoreDirectory, 'path'>;
  readonly #judge: Judge;

  /** @internal */
  constructor(host: Host, store: Pick<StoreDirectory, 'path' | 'local'>) {
    this.#host = host;
    this.#store = store;
    const directory = `${store.path}/sessions`;
    this.#judge = new Judge({ host, directory, local: store.local });
  }

  /**
   * The past of one resource; null if there is no journal of that name.
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

  /** The past of every resource, by name. Calls `onError` for each that cannot be read. */
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
    const past = followPast({ host: this.#host, directory, subject }, () => new SpanRecorder());
    const line = past?.followed.line;
    if (!past || !line) return null;
    const { followed, damaged } = past;
    const { spans, actions } = followed;
    followed.close((entry) => this.#whyStale(entry));
    const readAt = this.#host.clock.wallMicros() / 1000;
    const from = followed.firstAt ?? spans.reduce((latest, { enteredAt }) => Math.max(latest, enteredAt), 0);
    return { name: line.name, ...line.config, value: line.value, spans, actions, from, readAt, damaged };
  }

  /** Why all owners of an entry are proved gone, or null if one of them may live. */
  #whyStale(entry: Entry): string | null {
    const reasons = entry.owners.map((owner) => this.#judge.whyDead(owner, entry.at));
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
