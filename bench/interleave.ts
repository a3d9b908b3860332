export interface Contestant {
  name: string;
  /** What one batch does `cycles` times. */
  batch(cycles: number): void | Promise<void>;
}

export interface InterleaveOptions {
  batches: number;
  cycles: number;
  warmUp?: number;
}

/**
 * Runs the contestants' batches in turn, A B C A B C, so that whatever slows the machine down for a
 * while slows them all. Resolves to the time of one cycle in ms, for each batch, by name.
 */
export async function interleave(
  contestants: readonly Contestant[],
  { batches, cycles, warmUp = 10 }: InterleaveOptions,
): Promise<Map<string, number[]>> {
  const times = new Map<string, number[]>(contestants.map(({ name }) => [name, []]));
  for (let round = -warmUp; round < batches; round++) {
    for (const { name, batch } of contestants) {
      const start = performance.now();
      await batch(cycles);
      if (round >= 0) times.get(name)?.push((performance.now() - start) / cycles);
    }
  }
  return times;
}
