import { UsageError } from '../../output/exit.ts';

/** The factor for all times, as the programs of the demos take it. @throws {UsageError} */
export function scaleOf({ scale }: { scale?: number | undefined }, preset = 1): string {
  const factor = scale ?? preset;
  if (factor >= 0) return String(factor);
  throw new UsageError(`--scale takes a number from 0 up, not ${factor}`);
}
