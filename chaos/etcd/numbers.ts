import { Counter, JsonFile, type Store } from 'lockstep';
import { ownLife } from '../life.ts';
import type { Random } from '../random.ts';
import { refusalOf } from '../refusal.ts';
import { COUNTERS, type Ground } from '../scenery.ts';
import { Trace } from '../trace.ts';
import { DOCUMENT } from './scenery.ts';

/** After these nothing was done, by the docs: the store's own tests are to be believed only if this holds here, too. */
const UNDONE = new Set(['LOCK_TIMEOUT', 'ABORTED', 'UNREACHABLE']);

/** Adds to a counter, and to a number in a document, and traces which additions were acknowledged. */
export class Numbers {
  readonly #counter: Counter;
  readonly #document: JsonFile<{ count: number }>;
  readonly #traces: Map<string, Trace>;
  readonly #random: Random;
  readonly #self = ownLife();
  #made = 0;

  constructor({ ground, place, store, random }: { ground: Ground; place: string; store: Store; random: Random }) {
    this.#random = random;
    this.#counter = new Counter(COUNTERS[0], { store });
    this.#document = new JsonFile(documentUrl(place), { create: { count: 0 } });
    const names = [COUNTERS[0], DOCUMENT];
    this.#traces = new Map(names.map((name) => [name, new Trace(ground.traces(name))]));
  }

  /** An addition whose fate is unknown stays without an end in the trace. */
  count(): Promise<void> {
    return this.#traced(COUNTERS[0], UNDONE, () => this.#counter.add());
  }

  async json(): Promise<void> {
    if (this.#random.chance(0.3)) return void (await this.#document.read());
    // The release comes after the change: an error of it does not say that nothing was changed.
    await this.#traced(DOCUMENT, new Set(['LOCK_TIMEOUT']), async () => {
      const { count } = await this.#document.update((document) => {
        document.count += 1;
      });
      return count;
    });
  }

  async #traced(name: string, undone: ReadonlySet<string>, add: () => Promise<number>): Promise<void> {
    const at = ++this.#made;
    const trace = this.#traces.get(name);
    trace?.note(['try', this.#self, at]);
    try {
      trace?.note(['done', this.#self, at, await add()]);
    } catch (error) {
      if (undone.has(refusalOf(error) ?? '')) trace?.note(['undone', this.#self, at]);
      throw error;
    }
  }
}

/** The document in a store. */
export function documentUrl(place: string): string {
  const [path = '', query = ''] = place.split('?');
  return `${path}/${DOCUMENT}?${query}`;
}
