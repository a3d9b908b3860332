/**
 * `lockstep/history`: the holders and waiters of the past, from the journals that are kept. Everything here only reads, so root may use it
 * on any user's store.
 *
 * @module lockstep/history
 */

import type { Past } from '../store/past.ts';
import type { Store } from '../store/store.ts';
import { readingOf, recordsOf } from '../stores/open-store.ts';
import { History } from './history.ts';

export type { Past, SpanEnd } from '../store/past.ts';
export type { History } from './history.ts';
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

/**
 * Reads the past of one resource, in a store of any kind; null if there is no such name. Use it where the store may be on servers: their
 * past is in their own revisions, as far back as these are kept, and has to be fetched.
 *
 * There, no time is known of what a lease ended, of actions on gates and counters, and of what an older Lockstep did.
 *
 * @param store a store, or its directory or URL. Default: `$LOCKSTEP_STORE`, `$LOCKSTEP_DIR`, or the user's own
 * @throws {StoreError} (rejects) as `openHistory`; with `UNREACHABLE` if no server answers within 10 s
 *
 * @example
 * import { Lock } from 'lockstep';
 * import { fetchPast } from 'lockstep/history';
 * await new Lock('deploy').withLock(() => undefined, { label: 'release 42' });
 * console.log((await fetchPast('deploy'))?.spans.at(-1)?.label); // prints release 42
 */
export async function fetchPast(name: string, store?: Store | string): Promise<Past | null> {
  const open = recordsOf(store);
  return open === null ? openHistory(store).of(name) : open.records.past(name);
}
