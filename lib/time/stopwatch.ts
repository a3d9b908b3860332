import type { Clock } from './clock.ts';

/**
 * Starts a measurement that includes the time for which the machine is suspended. Returns a function that returns the ms
 * since then: at least as many as have passed, and at most a few more.
 *
 * The monotonic clock is exact, and stands still while the machine sleeps. `bootMs` goes on then, and is coarse. (The wall
 * clock does, too, but jumps when it is set.)
 */
export function stopwatch(clock: Clock, bootMs: () => number): () => number {
  const [monotonic, boot] = [clock.monotonicMs(), bootMs()];
  return () => Math.max(clock.monotonicMs() - monotonic, bootMs() - boot);
}
