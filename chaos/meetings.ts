import { Barrier, Event, type Store } from 'lockstep';
import { ownLife } from './life.ts';
import type { Random } from './random.ts';
import { BARRIER, EVENT, type Ground, PARTIES } from './scenery.ts';
import { Trace } from './trace.ts';

const EVENT_WAIT_MS = 100;
const MEET_MS = 400;

/** What a process does with the event and the barrier. */
export class Meetings {
  readonly #random: Random;
  readonly #event: Event;
  readonly #barrier: Barrier;
  readonly #trace: Trace;
  readonly #self = ownLife();

  constructor(ground: Ground, store: Store, random: Random) {
    this.#random = random;
    this.#event = new Event(EVENT, { store });
    this.#barrier = new Barrier(BARRIER, PARTIES, { store });
    this.#trace = new Trace(ground.traces(BARRIER));
  }

  async signal(): Promise<void> {
    const what = this.#random.weighted({ set: 2, clear: 1, wait: 3 });
    if (what === 'wait') await this.#event.wait({ timeout: EVENT_WAIT_MS });
    else await this.#event[what]();
  }

  async meet(): Promise<void> {
    if (await this.#barrier.broken()) return this.#barrier.reset();
    this.#trace.note(['arrive', this.#self, 0]);
    const index = await this.#barrier.wait({ timeout: MEET_MS });
    this.#trace.note(['met', this.#self, 0, index]);
  }
}
