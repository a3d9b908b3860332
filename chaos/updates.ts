import { Counter, JsonFile, LockstepError, type Store } from 'lockstep';
import { type Document, flawOf } from './document.ts';
import { type Outcome, updateInPart, updateLocked, updateUnlocked } from './documents.ts';
import { ownLife } from './life.ts';
import type { Random } from './random.ts';
import { refusalOf } from './refusal.ts';
import { COUNTERS, type Ground, JSON_FILES } from './scenery.ts';
import { Trace } from './trace.ts';
import type { Breakable } from './worker-setup.ts';

export interface UpdatesOptions {
  ground: Ground;
  store: Store;
  random: Random;
  /** Whether JSON files are updated without their lock, or replaced by a part of the document. */
  breaks: Breakable | null;
}

/** Adds to numbers, and traces which additions were acknowledged. */
export class Updates {
  readonly #options: UpdatesOptions;
  readonly #traces: Map<string, Trace>;
  readonly #self = ownLife();
  #made = 0;
  #seen = new Map<string, number>();

  constructor(options: UpdatesOptions) {
    this.#options = options;
    const names = [...COUNTERS, ...JSON_FILES];
    this.#traces = new Map(names.map((name) => [name, new Trace(options.ground.traces(name))]));
  }

  async count(): Promise<void> {
    const { random, store } = this.#options;
    const name = random.pick(COUNTERS);
    const counter = new Counter(name, { store });
    if (random.chance(0.1)) return this.#checkGrown(name, await counter.get());
    await this.#traced(name, async () => ({ value: await counter.add() }));
  }

  async json(): Promise<void> {
    const { random } = this.#options;
    const name = random.pick(JSON_FILES);
    if (random.chance(0.3)) await this.#readDocument(name);
    else await this.nextDocument(name);
  }

  /** Replaces a JSON file's document by the next one. */
  async nextDocument(name: string): Promise<void> {
    const { breaks, ground, random } = this.#options;
    const [path, file] = [ground.json(name), this.#file(name)];
    await this.#traced(name, (at) => {
      if (breaks === 'json') return updateUnlocked(path);
      if (breaks === 'replace') return updateInPart(path, file, random);
      return updateLocked(file, () => this.#note(name, 'damaged', at));
    });
  }

  async #readDocument(name: string): Promise<void> {
    const at = ++this.#made;
    try {
      const document = await this.#file(name).read();
      if (flawOf(document) === null) this.#checkGrown(name, document.count);
      else this.#note(name, 'damaged', at);
    } catch (error) {
      if (!isTorn(error)) throw error;
      this.#note(name, 'damaged', at);
    }
  }

  #file(name: string): JsonFile<Document> {
    const { ground, store } = this.#options;
    return new JsonFile<Document>(ground.json(name), { store });
  }

  #note(name: string, what: 'try' | 'undone' | 'full' | 'damaged', at: number): void {
    this.#traces.get(name)?.note([what, this.#self, at]);
  }

  async #traced(name: string, operation: (at: number) => Promise<Outcome>): Promise<void> {
    const at = ++this.#made;
    this.#note(name, 'try', at);
    const outcome = await operation(at).catch((reason: unknown) => {
      // A documented error means that nothing was changed.
      const refusal = isTorn(reason) ? 'FILE_NOT_JSON' : refusalOf(reason);
      if (refusal !== null) this.#note(name, 'undone', at);
      if (refusal === 'STORE_FULL') this.#note(name, 'full', at);
      if (!isTorn(reason)) throw reason;
      this.#note(name, 'damaged', at);
      return null;
    });
    if (!outcome) return;
    this.#traces.get(name)?.note(['done', this.#self, at, outcome.value]);
    if (outcome.error) throw outcome.error;
  }

  #checkGrown(name: string, value: number): void {
    const before = this.#seen.get(name) ?? 0;
    if (!(value >= before)) throw new RangeError(`${name}: it said ${before}, and then ${value}`);
    this.#seen.set(name, value);
  }
}

/** The file is not JSON: its last writer wrote only a part. */
function isTorn(error: unknown): boolean {
  return error instanceof LockstepError && error.code === 'FILE_NOT_JSON';
}
