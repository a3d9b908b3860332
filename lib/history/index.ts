/**
 * `lockstep/history`: who held what, from the journals that are kept. Everything here only reads, so root may use it
 * on any user's store.
 *
 * @module
 */

import { readingOf } from '../disk/open-store.ts';
import type { Store } from '../store/store.ts';
import { History } from './history.ts';

export type { History, Past } from './history.ts';
export { holdOf, type PastAction, type Span, type Stretch, waitOf } from './span.ts';

/**
 * Opens the history of a store's resources. Use it to find who held a resource, for how long, and how long others waited.
 *
 * @param store a store on disk, or its directory. Default: `$LOCKSTEP_DIR`, or the user's own
 * @throws {StoreError} if what is there cannot be trusted
 * @throws {MisuseError} for a store of another kind
 *
 * @example
 * import { Lock } from 'lockstep';
 * import { openHistory } from 'lockstep/history';
 * await new Lock('deploy').withLock(() => undefined, { label: 'release 42' });
 * console.log(openHistory().of('deploy')?.spans.at(-1)?.label); // prints release 42
 */
export function openHistory(store?: Store | string): History {
  const { host, directory } = readingOf(store);
  return new History(host, directory);
}
