import { StoreError } from '../errors.ts';
import type { Host } from '../host/host.ts';
import type { JournalRecord } from '../journal/record.ts';
import { toWire } from '../session/facts.ts';
import { ownerFor } from '../session/session.ts';
import type { Presence } from '../session/session-file.ts';
import type { AdoptOptions } from '../store/store.ts';
import type { DiskEntry } from './disk-entry.ts';
import type { Ledger } from './ledger.ts';
import type { OwnEntries } from './own-entries.ts';

export interface AdoptionOptions {
  host: Host;
  presence: Presence;
  ledger: Ledger;
  own: OwnEntries;
  name: string;
  /** The resource's directory, for messages. */
  directory: string;
}

/** How other processes become owners of our entries in a resource's line: beside this session, or in its place. */
export class Adoption {
  readonly #options: AdoptionOptions;

  constructor(options: AdoptionOptions) {
    this.#options = options;
  }

  /** Makes a process an owner of an entry of ours. False if it is not running. @throws {StoreError} */
  adopt(own: DiskEntry, pid: number, { handOver, lifeline, key }: AdoptOptions): boolean {
    const { host, presence, ledger } = this.#options;
    const owner = ledger.isGone() ? null : ownerFor(host, pid, key);
    if (!owner) {
      lifeline?.discard();
      return false;
    }
    if (handOver) presence.commands.entrust(owner, lifeline ?? null);
    else {
      presence.announceFor(owner, lifeline);
      own.adopters.push(owner);
    }
    const { ticket } = own;
    try {
      const id = ledger.nextId();
      const record: JournalRecord = ['adopt', id, ticket, ledger.now(), owner.key, toWire(owner.facts), handOver];
      if (ledger.unlessOver(null, () => ledger.write(record, true)) === null) this.#checkOwners(ticket);
    } catch (error) {
      // If the record may count, the process may own the entry: then others must be able to judge it.
      if (!isUnsure(error)) own.disown(owner, presence);
      throw error;
    }
    if (own.state === 'holding' && handOver) this.#options.own.drop(own, 'handed over');
    return true;
  }

  /** A line ignores an owner too many. A process that believed itself adopted would be unprotected. */
  #checkOwners(ticket: number): void {
    const { ledger, name, directory } = this.#options;
    const entry = ledger.line.find(ticket);
    if (!entry) return;
    throw new StoreError(
      'STORE_BUSY',
      `${name}: this entry has ${entry.owners.length} owners, and takes no more: the process was not adopted. Let one process own it, and start the others.`,
      { operation: 'adopt', resource: name, path: directory },
    );
  }
}

function isUnsure(error: unknown): boolean {
  return error instanceof StoreError && error.code === 'STORE_UNSURE';
}
