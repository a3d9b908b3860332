import type { Eviction } from '../../line/entry.ts';
import type { LeaseKeeper } from '../client/lease-keeper.ts';
import { type EtcdEntry, LEASE_LOST } from './etcd-entry.ts';
import type { EtcdLine } from './etcd-line.ts';

export const GONE: Eviction = { reason: 'it is no longer in the line', by: 'unknown' };

/** This session's own entries in one name's line, and how what is read of it changes them. */
export class OwnEntries {
  readonly #byId = new Map<string, EtcdEntry>();
  readonly #keys = new Set<string>();

  get size(): number {
    return this.#byId.size;
  }

  all(): EtcdEntry[] {
    return [...this.#byId.values()];
  }

  has(own: EtcdEntry): boolean {
    return own.joined !== null && this.#byId.get(own.joined.id) === own;
  }

  /** Whether one of them has this key. */
  hasKey(key: string): boolean {
    return this.#keys.has(key);
  }

  add(own: EtcdEntry): void {
    if (own.joined === null || !own.isInLine) return;
    this.#byId.set(own.joined.id, own);
    this.#keys.add(own.joined.entry.key);
  }

  /** Ends our part in an entry. */
  drop(own: EtcdEntry, state: 'left' | 'handed over'): void {
    if (this.#remove(own)) own.end(state);
  }

  /** All that the line says of our entries. Returns those that it has ended. */
  follow(line: EtcdLine): EtcdEntry[] {
    const ended = [];
    for (const own of this.all()) {
      const { entry, id } = own.joined ?? {};
      if (entry === undefined || id === undefined) continue;
      const found = line.find(entry.key, id);
      if (found) own.seen(found);
      // A line that is older than our last write to the entry does not have that write.
      else if (line.revision >= own.modRevision) {
        const why = own.isLeaving ? line.whyEvicted(entry.place) : (line.whyEnded(entry.place) ?? GONE);
        if (why) this.#lose(own, why);
        else this.drop(own, 'left');
        ended.push(own);
      }
    }
    return ended;
  }

  /** A lease is lost, and all that is under it. */
  loseAll(lease: LeaseKeeper): void {
    for (const own of this.all())
      if (own.joined?.lease === lease) this.#lose(own, { reason: LEASE_LOST, by: 'unknown' });
  }

  #lose(own: EtcdEntry, eviction: Eviction): void {
    if (!this.#remove(own)) return;
    // It may have noticed the end of its lease by itself.
    if (own.state !== 'lost') own.lose(eviction);
  }

  #remove(own: EtcdEntry): boolean {
    if (own.joined === null || !this.#byId.delete(own.joined.id)) return false;
    this.#keys.delete(own.joined.entry.key);
    return true;
  }
}
