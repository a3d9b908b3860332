import type { Clock } from './clock.ts';

/** Starts a deadline. Returns a function that returns the ms that are left of it; 0 or less once it has passed. */
export function countdown(clock: Clock, timeoutMs: number): () => number {
  const deadline = clock.monotonicMs() + timeoutMs;
  return () => deadline - clock.monotonicMs();
}
