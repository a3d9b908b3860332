import type { AcquireOptions } from './acquire-options.ts';

/** Options of an update. */
export interface UpdateOptions extends AcquireOptions {
  /**
   * Whether the new file may belong to this process's user (and group) where this process may not give files away: for
   * a file that several members of a group write. A new group gets no permission that others lack. Default: false.
   * A document in a store on servers has no owner.
   */
  allowNewOwner?: boolean;
}
