import { ConfigMismatchError } from '../../errors.ts';
import type { Host } from '../../host/host.ts';
import { type Config, describeConfig, isSameConfig } from '../../line/config.ts';
import type { Eviction } from '../../line/entry.ts';
import type { Session } from '../../session/session.ts';
import type { CallOptions } from '../client/caller.ts';
import type { EtcdClient } from '../client/etcd-client.ts';
import type { LeaseKeeper } from '../client/lease-keeper.ts';
import type { Abandoned } from './abandoned.ts';
import { choreOf } from './chore.ts';
import { isAbsent, isThere } from './comparisons.ts';
import { type Dead, DeadEntries } from './dead-entries.ts';
import { endingOf, MAX_ENDED } from './ending.ts';
import { initialJson } from './entrance.ts';
import { type EntryRecord, recordToJson } from './entry-record.ts';
import type { EtcdEntry } from './etcd-entry.ts';
import type { EtcdLine, LineEntry } from './etcd-line.ts';
import type { NameKeys } from './keys.ts';
import { type Change, type Changed, LineLedger, timeOp } from './line-ledger.ts';
import { OwnEntries } from './own-entries.ts';
import type { SessionLease } from './session-lease.ts';
import { Slots } from './slots.ts';
import { tooBusy, unknownState } from './store-failure.ts';
import type { TicketBase } from './ticket-base.ts';

/** How often a change is tried that others get in the way of. */
export const MAX_ROUNDS = 1_000;

/** The parts of a store that its resources share. */
export interface StoreParts {
  readonly client: EtcdClient;
  readonly host: Host;
  readonly session: Session;
  readonly lease: SessionLease;
  readonly base: TicketBase;
  readonly abandoned: Abandoned;
  readonly place: string;
}

/** One name as one session sees it: its line, our own entries in it, and the changes that every operation is made of. */
export class EtcdResource {
  readonly name: string;
  readonly keys: NameKeys;
  readonly parts: StoreParts;
  readonly ledger: LineLedger;
  readonly own = new OwnEntries();
  readonly slots: Slots;
  readonly judge: DeadEntries;
  /** Called after the line was read. */
  readonly listeners = new Set<() => void>();

  constructor(name: string, keys: NameKeys, parts: StoreParts) {
    this.name = name;
    this.keys = keys;
    this.parts = parts;
    this.slots = new Slots(keys, this.own);
    this.judge = new DeadEntries(parts.host, parts.session);
    this.ledger = new LineLedger(parts.client, keys, () => this.#follow());
  }

  /** Whether it must not be forgotten by this session. */
  get inUse(): boolean {
    return this.own.size > 0 || this.listeners.size > 0;
  }

  now(): number {
    return Math.floor(this.parts.host.clock.wallMicros());
  }

  /** The line as it is now, and as it should be. */
  async settled(options?: CallOptions): Promise<EtcdLine> {
    return this.tend(await this.ledger.read(options));
  }

  /** Makes the changes that a line needs. */
  async tend(line: EtcdLine): Promise<EtcdLine> {
    if (line.isUnknown) throw unknownState(this.name, this.parts.place);
    let current = line;
    for (let chore = choreOf(this.keys, current); chore; chore = choreOf(this.keys, current))
      current = (await this.ledger.change(chore)).line;
    return current;
  }

  /** @throws {ConfigMismatchError} if the line is of another kind than its caller says */
  check({ state, isUnknown }: EtcdLine, config: Config): void {
    if (isUnknown) throw unknownState(this.name, this.parts.place);
    if (state === null || isSameConfig(state, config)) return;
    throw new ConfigMismatchError(this.name, describeConfig(state), describeConfig(config));
  }

  /** Makes the name, if it is not there. Returns its line. @throws {ConfigMismatchError} */
  async made(line: EtcdLine, config: Config): Promise<EtcdLine> {
    this.check(line, config);
    if (line.state !== null) return line;
    const put = { put: { key: this.keys.state, value: initialJson(this.name, this.keys, config) } };
    const success = [put, timeOp(this.keys, this.now())];
    const changed = await this.ledger.change({ compare: [isAbsent(this.keys.state)], success });
    return this.made(changed.line, config);
  }

  /** Evicts the dead, also where others change the line meanwhile. True if there were any. `find`: the dead of a line. */
  async expel(find: (line: EtcdLine) => Dead[], from?: EtcdLine): Promise<{ line: EtcdLine; expelled: boolean }> {
    let line = from ?? (await this.settled());
    let expelled = false;
    for (let round = 0; round < MAX_ROUNDS; round++) {
      const [first, ...others] = find(line);
      if (!first) break;
      const { reason } = first;
      const same = [first, ...others].filter((one) => one.reason === reason).slice(0, MAX_ENDED);
      const changed = await this.end(
        line,
        same.map(({ entry }) => entry),
        { reason, by: this.judge.signature },
      );
      expelled ||= changed.isDone;
      line = await this.tend(changed.line);
    }
    return { line, expelled };
  }

  /** Evicts the dead before an entry of ours that waits; at a barrier it waits for those behind it, too. */
  async expelBefore(own: EtcdEntry, line: EtcdLine): Promise<void> {
    const at = line.entries.findIndex(({ record }) => record?.id === own.joined?.id);
    const before = line.state?.kind === 'barrier' ? line.entries : line.entries.slice(0, Math.max(at, 0));
    const keys = new Set(before.map(({ key }) => key));
    await this.expel((now) => this.judge.among(now.entries.filter(({ key }) => keys.has(key))), line);
  }

  /** Ends an entry of any owner. False if it is not there. */
  async evict(find: (line: EtcdLine) => LineEntry | undefined, eviction: Eviction): Promise<boolean> {
    let line = await this.settled();
    for (let round = 0; round < MAX_ROUNDS; round++) {
      const entry = find(line);
      if (!entry) return false;
      const changed = await this.end(line, [entry], eviction);
      if (changed.isDone) return true;
      line = await this.tend(changed.line);
    }
    throw tooBusy(this.name, this.parts.place);
  }

  /** Writes the record of an entry of ours anew, if it is still in line. Its place and its lease stay. */
  async rewrite(own: EtcdEntry, change: (record: EntryRecord) => EntryRecord): Promise<void> {
    const { entry, id } = own.joined ?? {};
    let line = await this.ledger.known();
    for (let round = 0; round < MAX_ROUNDS; round++) {
      const found = entry && id && this.own.has(own) ? line.find(entry.key, id) : undefined;
      if (!found?.record) return;
      const put = { key: found.key, value: recordToJson(change(found.record)), ignoreLease: true };
      const changed = await this.ledger.change({ compare: [isThere(found)], success: [{ put }] });
      if (changed.isDone) return;
      line = changed.line;
    }
    throw tooBusy(this.name, this.parts.place);
  }

  loseAll(lease: LeaseKeeper): void {
    this.own.loseAll(lease);
    this.#notify();
  }

  /** Ends entries of a line, as they were read. */
  end(line: EtcdLine, victims: readonly LineEntry[], eviction: Eviction | null): Promise<Changed> {
    return this.noted(endingOf(this.keys, line, victims, eviction));
  }

  /** Tries a change, and notes when. */
  noted({ compare, success }: Change): Promise<Changed> {
    return this.ledger.change({ compare, success: [...success, timeOp(this.keys, this.now())] });
  }

  /** Our entries follow the line. The keys that are left of ended entries are deleted. */
  #follow(): void {
    const { line } = this.ledger;
    if (line === null) return;
    for (const { joined } of this.own.follow(line)) {
      if (joined === null) continue;
      const { key, createRevision, place } = joined.entry;
      const left = line.leftovers.find((one) => one.key === key && one.createRevision === createRevision);
      if (left) this.parts.abandoned.begin(async () => void (await this.ledger.remove(left, this.now())));
      if (line.whyEvicted(place)) this.#delete(this.keys.why(place));
    }
    this.#notify();
  }

  #delete(key: string): void {
    this.parts.abandoned.begin(async () => {
      await this.parts.client.deleteRange({ key }, { isRepeatable: true, keepAlive: false });
    });
  }

  #notify(): void {
    for (const listener of [...this.listeners]) listener();
  }
}
