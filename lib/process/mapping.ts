import fs from 'node:fs/promises';
import { LockstepError } from '../errors.ts';
import { Queue } from '../primitives/queue.ts';
import { byDeadline } from '../time/deadline.ts';
import { pack } from './argument-codec.ts';
import type { MapMessage } from './map-message.ts';
import type { ItemPlace } from './map-service.ts';
import { checkMayMap, MapWorker, type WorkerEnd } from './map-worker.ts';
import { describeLoss, valueIn } from './module-result.ts';
import { unpackOutcome } from './outcome.ts';
import { PrivateStore } from './private-store.ts';
import type { ModuleTarget } from './target.ts';

/** How many items wait in the queue for a worker. The rest is not packed yet. */
const MOST_QUEUED = 256;

export interface MappingOptions extends Pick<ModuleTarget, 'module' | 'export'> {
  readonly processes: number;
  readonly attempts: number;
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
}

/** One call of `map`: its items go through a queue to its workers, and their outcomes come back by the pipe of each. */
export class Mapping<T, R> {
  readonly #items: readonly T[];
  readonly #options: MappingOptions;
  readonly #results: R[] = [];
  readonly #has: boolean[] = [];
  #missing: number;
  readonly #workers = new Set<MapWorker>();
  /** How many workers in turn were killed before they had taken anything. */
  #idleDeaths = 0;
  #failure: { readonly error: unknown } | null = null;
  /** Aborts when it is over, whatever its end. */
  readonly #over = new AbortController();

  constructor(items: readonly T[], options: MappingOptions) {
    this.#items = items;
    this.#options = options;
    this.#missing = items.length;
  }

  async run(): Promise<R[]> {
    const { processes, timeoutMs, signal } = this.#options;
    checkMayMap();
    const room = new PrivateStore('map');
    try {
      const items = new Queue<ItemPlace>('items', { store: room.store, maxSize: MOST_QUEUED });
      await fs.writeFile(room.file('values'), '', { mode: 0o600 });
      const hire = () => this.#hire(items, room.file('values'));
      for (let count = 0; count < Math.min(processes, this.#items.length); count++) this.#try(hire);
      const fed = this.#feed(items, room.file('values')).catch((error: unknown) => this.#end(error));
      const over = new Promise<void>((resolve) => this.#over.signal.addEventListener('abort', () => resolve()));
      if (!this.#over.signal.aborted) await byDeadline(over, timeoutMs, signal);
      if (!this.#over.signal.aborted) this.#end(signal?.aborted ? signal.reason : this.#late());
      await fed;
    } finally {
      await Promise.all([...this.#workers].map((worker) => worker.end()));
      room.close();
    }
    if (this.#failure) throw this.#failure.error;
    return this.#results;
  }

  #try(hire: () => void): void {
    if (this.#over.signal.aborted) return;
    try {
      hire();
    } catch (error) {
      this.#end(error);
    }
  }

  /** Puts all items into the queue, as there is room. */
  async #feed(items: Queue<ItemPlace>, values: string): Promise<void> {
    const { signal } = this.#over;
    const file = await fs.open(values, 'a');
    try {
      let from = 0;
      for (const [at, item] of this.#items.entries()) {
        if (signal.aborted) return;
        const bytes = pack(item, `item ${at}`);
        await file.appendFile(bytes);
        await items.put([at, from, bytes.length], { signal });
        from += bytes.length;
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      await file.close();
    }
  }

  #hire(items: Queue<ItemPlace>, values: string): void {
    const { module, export: exported = 'default' } = this.#options;
    const worker = MapWorker.start({ module, export: exported }, [items, values], (message) => this.#hear(message));
    this.#workers.add(worker);
    void worker.ended().then((end) => this.#replace(worker, end, () => this.#hire(items, values)));
  }

  #hear(message: MapMessage): void {
    const { at } = message;
    this.#idleDeaths = 0;
    if (this.#over.signal.aborted || this.#has[at]) return;
    if (message.it === 'took') {
      // The workers that took it before were killed before they could report that.
      if (message.attempt > this.#options.attempts) this.#end(this.#lost(at, 'was never reported on'));
      return;
    }
    try {
      this.#results[at] = valueIn(unpackOutcome(message.outcome), `map item ${at}`) as R;
    } catch (error) {
      this.#end(error);
      return;
    }
    this.#has[at] = true;
    this.#missing -= 1;
    if (this.#missing === 0) this.#over.abort();
  }

  /** A worker has ended by itself. The queue gives the item that it had taken to another one. */
  #replace(worker: MapWorker, { exit, current, outcome }: WorkerEnd, hire: () => void): void {
    const { attempts } = this.#options;
    if (this.#over.signal.aborted) return;
    this.#workers.delete(worker);
    // Ends the processes that it left in its group.
    void worker.end();
    const isOpen = current !== null && !this.#has[current.at];
    if (outcome && 'threw' in outcome) this.#end(outcome.threw);
    else if (exit.signal === null || (isOpen && current.attempt >= attempts))
      this.#end(isOpen ? this.#lost(current.at, describeLoss(exit), current.attempt) : idleEnd(exit));
    else if (current === null && ++this.#idleDeaths >= attempts) this.#end(idleEnd(exit));
    else this.#try(hire);
  }

  /** Ends all of it with an error. The first one counts. */
  #end(error: unknown): void {
    if (this.#over.signal.aborted) return;
    this.#failure = { error };
    this.#over.abort();
  }

  #lost(at: number, how: string, attempt = this.#options.attempts): LockstepError {
    const often = attempt > 1 ? ` (${attempt} processes were tried)` : '';
    return lost(`map item ${at} ${how}${often}.`);
  }

  #late(): LockstepError {
    const { timeoutMs } = this.#options;
    const words = `map has ${this.#missing} of ${this.#items.length} items to go after ${timeoutMs} ms. Its processes were ended.`;
    return new LockstepError('RESULT_TIMEOUT', words, { operation: 'map' });
  }
}

function idleEnd(exit: WorkerEnd['exit']): LockstepError {
  const how = exit.signal === null ? `ended with exit code ${exit.code}` : `was ended by ${exit.signal}`;
  return lost(
    `map: a process ${how} when it had no item: its module, or something that an item has left behind, ended it (see its stderr).`,
  );
}

function lost(words: string): LockstepError {
  return new LockstepError('RESULT_LOST', words, { operation: 'map' });
}
