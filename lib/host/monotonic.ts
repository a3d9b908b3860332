/**
 * The monotonic clock in ms. Compare only with itself.
 *
 * Not `performance.now()`: its first use loads a dozen modules of Node's, which costs time and memory at each start.
 */
export function monotonicMs(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1_000 + nanoseconds / 1e6;
}
