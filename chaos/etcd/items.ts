import { setTimeout as delay } from 'node:timers/promises';
import { Queue, type QueueItem } from 'lockstep';
import { nowMs, ownLife } from '../life.ts';
import type { Random } from '../random.ts';
import { refusalOf } from '../refusal.ts';
import { Trace } from '../trace.ts';
import type { Breakable } from '../worker-setup.ts';
import { FINISHED, QUEUE } from './scenery.ts';
import type { VisitsOptions } from './visits.ts';

const MOST_QUEUED = 20;
const PATIENCE_MS = [0, 2_000] as const;
const WORK_MS = [0, 15] as const;
/** So that one whose lease has ended (after 10 s) would still have the item when the next one gets it, if it did not hear of it. */
const LONG_WORK_MS = [12_000, 18_000] as const;
/** After these nothing was put, by the docs. */
const UNDONE = new Set(['ABORTED', 'UNREACHABLE']);

/** Puts items into a queue, and works on them; traces what was acknowledged. */
export class Items {
  readonly #queue: Queue<string>;
  readonly #puts: Trace;
  readonly #ends: Trace;
  readonly #random: Random;
  readonly #breaks: Breakable | null;
  readonly #self = ownLife();
  #made = 0;

  constructor({ ground, store, random, breaks }: VisitsOptions) {
    this.#breaks = breaks;
    this.#queue = new Queue(QUEUE, { store, maxSize: MOST_QUEUED });
    this.#puts = new Trace(ground.traces(QUEUE));
    this.#ends = new Trace(ground.traces(FINISHED));
    this.#random = random;
  }

  /** An item whose fate is unknown stays without an end in the trace. */
  async put(): Promise<void> {
    const at = ++this.#made;
    const id = `${this.#self} ${at}`;
    this.#puts.note(['try', this.#self, at]);
    try {
      const sequence = await this.#queue.tryPut(id, this.#random.chance(0.5) ? { id } : {});
      this.#puts.note(sequence === null ? ['undone', this.#self, at] : ['done', this.#self, at, sequence]);
    } catch (error) {
      if (UNDONE.has(refusalOf(error) ?? '')) this.#puts.note(['undone', this.#self, at]);
      throw error;
    }
  }

  async work(): Promise<void> {
    const item = await this.#queue.get({ timeout: this.#random.whole(...PATIENCE_MS) });
    if (item === null) return;
    await using taken = item;
    await this.#workOn(taken);
    if (this.#breaks === 'queue') return;
    // At the end of the block it is given back.
    if (this.#random.chance(0.15)) return;
    this.#ends.note(['try', this.#self, taken.sequence]);
    await taken.done();
    this.#ends.note(['done', this.#self, taken.sequence, taken.sequence]);
  }

  /** Has it in hand, by the trace, until the work is over or this process learns that the item is lost. */
  async #workOn(item: QueueItem<string>): Promise<void> {
    const { sequence, token, signal } = item;
    let isOver = !item.held;
    const leave = () => {
      if (!isOver) this.#ends.note(['leave', this.#self, sequence, token]);
      isOver = true;
    };
    if (!isOver) this.#ends.note(['take', this.#self, sequence, token, nowMs()]);
    // It goes on with what others may take by now.
    if (this.#breaks === 'queue') await item.giveBack();
    signal.addEventListener('abort', leave);
    const [least, most] = this.#breaks === 'queue' || this.#random.chance(0.05) ? LONG_WORK_MS : WORK_MS;
    await delay(this.#random.whole(least, most), undefined, { signal: signal as AbortSignal }).catch(() => undefined);
    signal.removeEventListener('abort', leave);
    leave();
  }
}
