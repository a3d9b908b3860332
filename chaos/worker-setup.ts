/** The rules that a worker can break on purpose, to prove that the detectors notice. */
export const BREAKABLE = ['lock', 'semaphore', 'rwlock', 'json', 'replace', 'release'] as const;
export type Breakable = (typeof BREAKABLE)[number];

export interface WorkerSetup {
  root: string;
  seed: number;
  breaks: Breakable | null;
}

/** A report from a worker. */
export type WorkerReport =
  | { is: 'ready' }
  /** The number of cycles done, and the current activity. */
  | { is: 'at'; cycles: number; what: string }
  /** A documented error, which may be justified at the moment. */
  | { is: 'refused'; code: string; atMs: number; message: string }
  /** It has forgotten a name. */
  | { is: 'forgotten' }
  /** A violation. */
  | { is: 'wrong'; what: string };

export type Report = (message: WorkerReport) => void;
