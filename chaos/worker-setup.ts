/** The rules that a worker can break on purpose, to prove that the detectors notice. */
export const BREAKABLE = ['lock', 'semaphore', 'rwlock', 'json', 'replace', 'release'] as const;
/** The same for those with a store on etcd: `signal` is a holder that does not hear of its loss, `queue` one that goes on with what it gave back. */
export const BREAKABLE_ON_ETCD = ['lock', 'semaphore', 'rwlock', 'release', 'signal', 'queue'] as const;
export type Breakable = (typeof BREAKABLE)[number] | (typeof BREAKABLE_ON_ETCD)[number];

export interface WorkerSetup {
  root: string;
  /** The place of the store. */
  store: string;
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
