import { MisuseError } from '../errors.ts';
import type { Store, SyncStore } from '../store/store.ts';

/** The asynchronous call that serves where a store does not answer at once. */
const INSTEAD = {
  acquireSync: 'await acquire(…)',
  tryAcquireSync: 'await tryAcquire(…)',
  releaseSync: 'await release()',
  using: 'await using',
} as const;

export type SyncCall = keyof typeof INSTEAD;

/** The store as one that answers at once. @throws {MisuseError} that says what to call instead */
export function syncOf({ sync, place }: Store, name: string, call: SyncCall): SyncStore {
  if (sync) return sync;
  throw new MisuseError(
    `${name}: ${call} is for stores that answer at once, and ${place} has to ask its servers. Write ${INSTEAD[call]} instead.`,
  );
}
