/** What of the rules a worker breaks on purpose, to prove that it is noticed. */
export const BREAKABLE = ['lock', 'semaphore', 'rwlock', 'json', 'replace', 'release'] as const;
export type Breakable = (typeof BREAKABLE)[number];

export interface WorkerSetup {
  root: string;
  seed: number;
  breaks: Breakable | null;
}

/** What a worker tells. */
export type WorkerReport =
  | { is: 'ready' }
  /** So many cycles are done, and what it is about now. */
  | { is: 'at'; cycles: number; what: string }
  /** An error that is documented, and may be right just now. */
  | { is: 'refused'; code: string; atMs: number; message: string }
  /** Something that must never be. */
  | { is: 'wrong'; what: string };

export type Report = (message: WorkerReport) => void;
