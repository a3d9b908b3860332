/** What the chaos does to a store as a whole, at the moment and lately. */
export interface Weather {
  /** Whether no progress can be expected at the moment. */
  readonly isBad: boolean;
  /** Whether it can explain this error of a worker. */
  explains(code: string, atMs: number): boolean;
  /** The name of the refusal that the end of a command line was, or null if that was none, or nothing explains it. */
  refusal(exitCode: number | null, said: string, atMs: number): string | null;
}
