/** Time, as one machine measures it. Tests replace it. */
export interface Clock {
  /** Wall clock in µs since 1970. May jump. */
  wallMicros(): number;
  /** Monotonic clock in ms. Compare only with itself. */
  monotonicMs(): number;
  /** Blocks this thread. */
  sleep(ms: number): void;
  /**
   * Calls back once after `ms`: any number from 0 up, and never after `Infinity`. `keepAlive`: the process stays for it.
   * Returns the cancellation.
   */
  timer(ms: number, keepAlive: boolean, callback: () => void): () => void;
}
