import { effort } from './effort.ts';

export interface Contestant {
  name: string;
  /** In a batch, if it is so slow that it is given fewer than the others. */
  cycles?: number;
  /**
   * Runs `cycles` cycles. Calls `lap` after each, if each is to be timed. A contestant in another process measures
   * by itself and returns the ms of each cycle: the way there and back is not part of them.
   */
  batch(cycles: number, lap: () => void): void | readonly number[] | Promise<void | readonly number[]>;
}

export interface InterleaveOptions {
  batches: number;
  cycles: number;
  warmUp?: number;
}

/** The times of a contestant in ms. */
export class Times {
  /** The mean of each batch. */
  readonly batches: number[] = [];
  /** Each cycle, of a contestant that has laps. */
  readonly cycles: number[] = [];
}

/**
 * Runs the contestants' batches in turn, A B C A B C, so that a temporary load on the machine
 * slows all of them. Resolves to the times by name.
 */
export async function interleave(
  contestants: readonly Contestant[],
  { batches, cycles, warmUp = effort(10, 1) }: InterleaveOptions,
): Promise<(name: string) => Times> {
  const all = new Map(contestants.map(({ name }) => [name, new Times()]));
  const of = (name: string) => all.get(name) ?? new Times();
  for (let round = -warmUp; round < batches; round++) {
    for (const contestant of contestants) {
      const { batch, each } = await oneBatch(contestant, Math.min(cycles, contestant.cycles ?? cycles));
      if (round < 0) continue;
      of(contestant.name).batches.push(batch);
      of(contestant.name).cycles.push(...each);
    }
  }
  return of;
}

async function oneBatch(contestant: Contestant, cycles: number): Promise<{ batch: number; each: readonly number[] }> {
  const each: number[] = [];
  let last = performance.now();
  const start = last;
  const lap = () => {
    const now = performance.now();
    each.push(now - last);
    last = now;
  };
  const own = await contestant.batch(cycles, lap);
  if (!own) return { batch: (performance.now() - start) / cycles, each };
  return { batch: own.reduce((sum, ms) => sum + ms, 0) / cycles, each: own };
}
