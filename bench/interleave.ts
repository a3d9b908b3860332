export interface Contestant {
  name: string;
  /** Runs `cycles` cycles. */
  batch(cycles: number): void | Promise<void>;
}

export interface InterleaveOptions {
  batches: number;
  cycles: number;
  warmUp?: number;
}

/**
 * Runs the contestants' batches in turn, A B C A B C, so that a temporary load on the machine
 * slows all of them. Resolves to the time of one cycle in ms, for each batch, by name.
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
