import { type Eviction, type Keeps, MAX_KEPT } from '../../line/entry.ts';
import type { Item } from '../../line/item.ts';
import type { AdoptOptions } from '../../store/store.ts';
import { Adoption } from './adoption.ts';
import { Departure } from './departure.ts';
import type { EtcdEntry } from './etcd-entry.ts';
import type { EtcdResource } from './etcd-resource.ts';
import { itemOf } from './item-text.ts';
import type { TicketBase } from './ticket-base.ts';

export interface EntryOperationsOptions {
  readonly resourceOf: (name: string) => EtcdResource;
  readonly base: TicketBase;
  readonly keeperFile: string | undefined;
}

/** The operations of a session on entries that are in line: its own, but for `evict`. */
export class EntryOperations {
  readonly #resourceOf: (name: string) => EtcdResource;
  readonly #base: TicketBase;
  readonly #keeperFile: string | undefined;

  constructor({ resourceOf, base, keeperFile }: EntryOperationsOptions) {
    this.#resourceOf = resourceOf;
    this.#base = base;
    this.#keeperFile = keeperFile;
  }

  leave(own: EtcdEntry): Promise<void> {
    return new Departure(this.#resourceOf(own.name), own).leave();
  }

  finish(own: EtcdEntry): Promise<void> {
    return new Departure(this.#resourceOf(own.name), own).finish();
  }

  itemOf(own: EtcdEntry): Promise<Item | null> {
    return itemOf(this.#resourceOf(own.name), own);
  }

  /** As `Store.abandon`, once. */
  async giveUp(own: EtcdEntry, passOn: Eviction | undefined): Promise<void> {
    if (passOn === undefined || own.state !== 'holding') return this.leave(own);
    const { entry, id } = own.joined ?? {};
    if (entry && id) await this.#resourceOf(own.name).evict((line) => line.find(entry.key, id), passOn);
  }

  async evict(name: string, ticket: number, eviction: Eviction): Promise<boolean> {
    const base = await this.#base.get();
    return this.#resourceOf(name).evict((line) => line.entries.find(({ place }) => base + place === ticket), eviction);
  }

  adopt(own: EtcdEntry, pid: number, { handOver, lifeline, command }: AdoptOptions): Promise<boolean> {
    // A lifeline is a file, of a store on disk.
    lifeline?.discard();
    return new Adoption(this.#resourceOf(own.name), this.#keeperFile).adopt(own, pid, { handOver, command });
  }

  keep(own: EtcdEntry, { held, waits }: Keeps): Promise<void> {
    const keeps = { held: held.slice(0, MAX_KEPT), waits };
    return this.#resourceOf(own.name).rewrite(own, (record) => ({ ...record, keeps }));
  }
}
