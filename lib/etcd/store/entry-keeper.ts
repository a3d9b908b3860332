import type { Host } from '../../host/host.ts';
import { Session } from '../../session/session.ts';
import type { Clock } from '../../time/clock.ts';
import { EtcdClient } from '../client/etcd-client.ts';
import type { LeaseKeeper } from '../client/lease-keeper.ts';
import { parseEtcdUrl } from '../client/url.ts';
import { Abandoned } from './abandoned.ts';
import { isThere } from './comparisons.ts';
import { type EntryRecord, recordToJson } from './entry-record.ts';
import { EntryWaits } from './entry-waits.ts';
import type { LineEntry } from './etcd-line.ts';
import { EtcdResource } from './etcd-resource.ts';
import type { KeeperAnswer, KeeperOrder } from './keeper-order.ts';
import { StoreKeys } from './keys.ts';
import { withOwner } from './owners.ts';
import { SessionLease } from './session-lease.ts';
import { TicketBase } from './ticket-base.ts';

/** How often it checks whether the owners live. Waiters of the same machine check more often. */
const CHECK_MS = 200;
/** How soon servers that are away are tried again. */
const AGAIN_MS = 100;
/** Where others may be in already. */
const LATE_MS = 1_000;

/**
 * Keeps one entry in line under a lease of its own, as long as one of its owners lives. It is the work of a process of its own
 * (`keeper-main.ts`), because a process that does not use Lockstep keeps no lease.
 */
export class EntryKeeper {
  readonly #order: KeeperOrder;
  readonly #client: EtcdClient;
  readonly #lease: SessionLease;
  readonly #resource: EtcdResource;
  readonly #waits: EntryWaits;
  readonly #clock: Clock;
  #held: LeaseKeeper | null = null;
  #isLost = false;
  /** Its owners are gone, and we have ended it. */
  #isExpelled = false;
  /** Of the entry, as it was seen last. */
  #place = 0;

  constructor(host: Host, order: KeeperOrder) {
    this.#order = order;
    this.#clock = host.clock;
    const { place, name } = order;
    const address = parseEtcdUrl(place);
    const [client, session, keys] = [new EtcdClient(address), new Session(host), new StoreKeys(address.prefix)];
    this.#client = client;
    this.#lease = new SessionLease(client, address.ttlMs, () => {
      this.#isLost = true;
    });
    const base = new TicketBase(client, keys.base, host.clock);
    const parts = { client, host, session, place, base, lease: this.#lease, abandoned: new Abandoned(host.clock) };
    this.#resource = new EtcdResource(name, keys.of(name), parts);
    this.#waits = new EntryWaits(this.#resource);
  }

  /** Puts the entry under its own lease, with one more owner. Where another session changes it meanwhile, it tries again. */
  async take(): Promise<KeeperAnswer> {
    const { ledger } = this.#resource;
    const lease = await this.#granted();
    await ledger.read();
    let found = this.#find();
    while (found?.record) {
      const record = withOwner(found.record, this.#order);
      if (record === null) return { is: 'full' };
      if (await this.#put(found, record, lease)) return { is: 'kept' };
      found = this.#find();
    }
    return { is: 'absent' };
  }

  /** The same for an entry that has its owners: the session that kept it is gone. Servers that are away are tried again and again. */
  async continue(): Promise<'kept' | 'absent'> {
    for (;;) {
      try {
        return await this.#takeOver();
      } catch {
        await this.#pause();
      }
    }
  }

  async #takeOver(): Promise<'kept' | 'absent'> {
    const lease = await this.#granted();
    await this.#resource.ledger.read();
    for (let found = this.#find(); found?.record; found = this.#find())
      if (found.lease === lease.id || (await this.#put(found, found.record, lease))) return 'kept';
    return 'absent';
  }

  /**
   * Keeps it until the owners are gone, or it was given back (`over`), somebody else ended it, or its lease is lost (`lost`), or another
   * keeper has it (`taken`).
   */
  async keep(): Promise<'over' | 'lost' | 'taken'> {
    const lease = await this.#granted();
    for (;;) {
      if (this.#isLost) return 'lost';
      const found = this.#find();
      if (found === undefined) return this.#isExpelled || (await this.#isGivenBack(lease)) ? 'over' : 'lost';
      if (found.lease !== lease.id) return 'taken';
      this.#place = found.place;
      await this.#waits.changed(null, { timeoutMs: CHECK_MS, keepAlive: true }).catch(() => undefined);
      await this.#expel().catch(() => undefined);
    }
  }

  /** How long the owner of an entry that is lost may go on, in ms: others get in after that. */
  restMs(): number {
    return this.#isLost ? (this.#held?.endsInMs() ?? 0) : LATE_MS;
  }

  /** The lease, after `take` or `continue`. */
  get lease(): LeaseKeeper | null {
    return this.#held;
  }

  /** Ends the lease, and with it the entry if that is still under it. */
  async end(): Promise<void> {
    this.#waits.stop();
    await this.#lease.end();
    this.#client.close();
  }

  /**
   * Whether an entry that is gone was given back. A session that ends that of another one records why; an owner that leaves does not, nor
   * does the end of a lease, of which the server knows.
   */
  async #isGivenBack({ id }: LeaseKeeper): Promise<boolean> {
    const why = this.#resource.ledger.line?.whyEvicted(this.#place);
    if (why || !this.#order.isShared) return why?.isRelease === true;
    while (!this.#isLost) {
      const answer = await this.#client.timeToLive(id).catch(() => null);
      if (answer !== null) return answer.ttl > 0;
      await this.#pause();
    }
    return false;
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => void this.#clock.timer(AGAIN_MS, true, resolve));
  }

  async #granted(): Promise<LeaseKeeper> {
    this.#held ??= await this.#lease.get();
    return this.#held;
  }

  async #put(found: LineEntry, record: EntryRecord, lease: LeaseKeeper): Promise<boolean> {
    const put = { key: found.key, value: recordToJson(record), lease: lease.id };
    return (await this.#resource.ledger.change({ compare: [isThere(found)], success: [{ put }] })).isDone;
  }

  async #expel(): Promise<void> {
    const { judge } = this.#resource;
    const found = this.#find();
    if (!found || judge.dead(found) === null) return;
    this.#isExpelled = true;
    await this.#resource.expel((line) => judge.among(line.entries.filter(({ key }) => key === found.key)));
  }

  #find(): LineEntry | undefined {
    return this.#resource.ledger.line?.find(this.#order.key, this.#order.id);
  }
}
