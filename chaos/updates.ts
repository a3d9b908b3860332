import { readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { Counter, JsonFile, type Lease, type Store } from 'lockstep';
import { ownLife } from './life.ts';
import type { Random } from './random.ts';
import { refusalOf } from './refusal.ts';
import { COUNTERS, type Ground, JSON_FILES } from './scenery.ts';
import { Trace } from './trace.ts';

const AGAIN_MS = 10;

interface Tally {
  count: number;
}

interface Outcome {
  value: number;
  /** What went wrong after it was done. */
  error?: unknown;
}

export interface UpdatesOptions {
  ground: Ground;
  store: Store;
  random: Random;
  /** Whether JSON files are updated without their lock. */
  broken: boolean;
}

/** Adds to numbers, and keeps a trace of which additions were acknowledged. */
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
    const { ground, random, store } = this.#options;
    const name = random.pick(JSON_FILES);
    const file = new JsonFile<Tally>(ground.json(name), { store });
    if (random.chance(0.2)) return this.#checkGrown(name, (await file.read()).count);
    if (this.#options.broken) await this.#traced(name, () => updateUnlocked(ground.json(name)));
    else await this.#traced(name, () => updateLocked(file));
  }

  async #traced(name: string, operation: () => Promise<Outcome>): Promise<void> {
    const trace = this.#traces.get(name);
    const at = ++this.#made;
    trace?.note(['try', this.#self, at]);
    const { value, error } = await operation().catch((reason: unknown) => {
      // An error that is documented says that nothing was changed.
      if (refusalOf(reason)) trace?.note(['undone', this.#self, at]);
      throw reason;
    });
    trace?.note(['done', this.#self, at, value]);
    if (error) throw error;
  }

  #checkGrown(name: string, value: number): void {
    const before = this.#seen.get(name) ?? 0;
    if (!(value >= before)) throw new RangeError(`${name}: it said ${before}, and then ${value}`);
    this.#seen.set(name, value);
  }
}

/**
 * Resolves to the new count. With the error too, if the file was replaced and then something went wrong: that
 * can be told while the lock is still held.
 */
async function updateLocked(file: JsonFile<Tally>): Promise<Outcome> {
  let held: Lease | undefined;
  let mine = 0;
  try {
    const { count } = await file.update((tally, lease) => {
      held = lease;
      tally.count += 1;
      mine = tally.count;
    });
    return { value: count };
  } catch (error) {
    if (!held?.held) throw error;
    const replaced = (await file.read()).count === mine;
    await releaseAgain(held);
    if (!replaced) throw error;
    return { value: mine, error };
  }
}

/** The lock is held still when its release could not be written. */
async function releaseAgain(lease: Lease): Promise<void> {
  for (;;) {
    try {
      return await lease.release();
    } catch (error) {
      if (refusalOf(error) !== 'STORE_FULL') throw error;
      await delay(AGAIN_MS);
    }
  }
}

async function updateUnlocked(file: string): Promise<Outcome> {
  const value = (JSON.parse(readFileSync(file, 'utf8')) as Tally).count + 1;
  await delay(2);
  writeFileSync(file, JSON.stringify({ count: value }));
  return { value };
}
