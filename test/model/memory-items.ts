import type { PutRequest } from '../../lib/line/items.ts';
import type { Answer } from '../../lib/line/outcome.ts';

export interface ModelItem {
  readonly sequence: number;
  readonly text: string;
  takes: number;
  /** The ticket of the entry that has it; null: it is queued. */
  takenBy: number | null;
  isDone: boolean;
}

/** The items of a queue, in the plainest words: all that there ever were, and where each of them is. */
export class MemoryItems {
  readonly #all: ModelItem[] = [];
  readonly #ids = new Map<string, number>();

  get queued(): ModelItem[] {
    return this.#all.filter((item) => !item.isDone && item.takenBy === null);
  }

  get isPlain(): boolean {
    return this.queued.length === 0 && this.#ids.size === 0;
  }

  put({ text, bound, id }: PutRequest): Answer {
    const known = id === null ? undefined : this.#ids.get(id);
    if (known !== undefined) return { item: known, isRepeat: true };
    if (this.queued.length >= bound) return 'queue full';
    const unfinished = this.#all.filter(({ isDone }) => !isDone);
    const bytes = unfinished.reduce((sum, item) => sum + quoted(item.text), quoted(text));
    if (unfinished.length >= 65_536 || bytes > 16 * 1024 * 1024) return 'queue exhausted';
    const sequence = this.#all.length + 1;
    this.#all.push({ sequence, text, takes: 0, takenBy: null, isDone: false });
    if (id !== null) this.#ids.set(id, sequence);
    return { item: sequence, isRepeat: false };
  }

  /** Gives the oldest that is queued to an entry; null if there is none. */
  take(ticket: number): ModelItem | null {
    const item = this.queued[0] ?? null;
    if (item) {
      item.takenBy = ticket;
      item.takes += 1;
    }
    return item;
  }

  /** An entry has ended: what it has is done, or queued again. */
  end(ticket: number, isDone: boolean): void {
    for (const item of this.#all.filter(({ takenBy }) => takenBy === ticket)) {
      item.takenBy = null;
      item.isDone = isDone;
    }
  }
}

/** How many bytes an item takes in a journal. */
function quoted(text: string): number {
  return Buffer.from(JSON.stringify(text)).length;
}
