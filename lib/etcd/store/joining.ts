import type { Config } from '../../line/config.ts';
import { lineFull } from '../../store/line-full.ts';
import type { Request } from '../../store/store.ts';
import type { KeyValue } from '../client/kv-messages.ts';
import { Departure } from './departure.ts';
import { type Newcomer, newcomerOf } from './entrance.ts';
import { EtcdEntry } from './etcd-entry.ts';
import type { EtcdLine, LineEntry } from './etcd-line.ts';
import { type EtcdResource, MAX_ROUNDS } from './etcd-resource.ts';
import { itemFromJson } from './item-text.ts';
import type { Changed } from './line-ledger.ts';
import { entryOf } from './request-sender.ts';
import { isEtcd, tooBusy } from './store-failure.ts';

/**
 * How many entries a line may have. Fewer than on disk: everybody who joins reads all of it, in one answer, and an entry may have some
 * hundred bytes, with many owners a few thousand.
 */
export const MAX_LINE = 16_384;

/** Decides what a request does with a line as it was read: a change that puts its entry, nothing, or another look at a newer line. */
export type Attempt = (
  newcomer: Newcomer,
  line: EtcdLine | null,
) => Promise<Changed | 'refused' | EtcdLine> | Changed | 'refused';

/** Puts the entry of one request into a name's line: with a key, under a lease, and again where others were quicker. */
export class Joining {
  readonly #resource: EtcdResource;
  readonly #config: Config;
  readonly #request: Request;

  constructor(resource: EtcdResource, config: Config, request: Request) {
    this.#resource = resource;
    this.#config = config;
    this.#request = request;
  }

  /** Tries until an attempt is done, refused, or too many others were quicker. `first`: the line of the first attempt; null: as it is now. */
  async by(attempt: Attempt, first: EtcdLine | null = this.#resource.ledger.line): Promise<EtcdEntry> {
    const { name, keys, parts, slots } = this.#resource;
    const now = () => this.#resource.now();
    let [current, base] = [parts.lease.current, parts.base.current];
    // Both at once, where they must be asked for.
    if (current === null || base === null) [current, base] = await Promise.all([parts.lease.get(), parts.base.get()]);
    let line = first;
    for (let round = 0; round < MAX_ROUNDS; round++) {
      line = await this.#withRoom(line);
      const slot = slots.take(current.id, line);
      const newcomer = newcomerOf({ keys, key: slot.key, lease: current }, parts.session, this.#request, now());
      try {
        const outcome = await attempt(newcomer, line);
        if (outcome === 'refused') return new EtcdEntry(name, null);
        const found = 'isDone' in outcome && outcome.isDone ? entryOf(newcomer, outcome.line) : undefined;
        if (found) {
          const { line: joined, read = [] } = outcome as Changed;
          return await this.#joined(this.#entryOf(newcomer, found, joined, base, read), found);
        }
        line = 'isDone' in outcome ? outcome.line : outcome;
        this.#resource.check(line, this.#resizable(line));
      } catch (error) {
        if (!isEtcd(error, 'EXPIRED')) throw error;
        parts.lease.drop(current);
        current = await parts.lease.get();
      } finally {
        slot.free();
      }
    }
    throw tooBusy(name, parts.place);
  }

  /** A line that is not full, as far as is known: one that was is read anew. @throws {StoreError} */
  async #withRoom(line: EtcdLine | null): Promise<EtcdLine | null> {
    if (line === null || line.entries.length < MAX_LINE || this.#request.steal) return line;
    const now = await this.#resource.settled();
    if (now.entries.length >= MAX_LINE) throw this.#full();
    return now;
  }

  #full(): Error {
    return lineFull(this.#resource.name, this.#resource.parts.place, MAX_LINE);
  }

  async #joined(entry: EtcdEntry, found: LineEntry): Promise<EtcdEntry> {
    const { own, ledger, parts } = this.#resource;
    own.add(entry);
    // Nothing was known of the line, or others have come at the same time.
    if ((ledger.line?.entries.findIndex(({ key }) => key === found.key) ?? 0) >= MAX_LINE) {
      await new Departure(this.#resource, entry).leave();
      throw this.#full();
    }
    // The line may have gone on, and the entry be granted, or ended, by now.
    if (ledger.line) own.follow(ledger.line);
    // The answer took longer than the lease surely lives.
    if (!entry.isInLine) parts.abandoned.begin(async () => void (await ledger.remove(found, this.#resource.now())));
    return entry;
  }

  /** The caller's kind; the line's own one where the next round makes it anew. */
  #resizable({ state }: EtcdLine): Config {
    return this.#config.resize && state ? state : this.#config;
  }

  #entryOf(
    { lease, record }: Newcomer,
    entry: LineEntry,
    line: EtcdLine,
    base: number,
    read: readonly KeyValue[],
  ): EtcdEntry {
    // Those that it had to be behind: they waited right before it joined, also where it has admitted them.
    const before = line.entries.filter((one) => one.createRevision < entry.createRevision);
    const isMeeting = line.state?.kind === 'barrier' && entry.isAdmitted;
    const waited = isMeeting ? (line.state?.permits ?? 1) - 1 : before.filter(({ isAdmitted }) => !isAdmitted).length;
    const waitingBefore = this.#request.steal ? 0 : waited;
    const joined = { lease, id: record.id, entry, made: line.made, waitingBefore, base };
    const own = new EtcdEntry(this.#resource.name, joined);
    // Of a queue: it was read together with the join.
    const [item] = read;
    if (item) own.text = itemFromJson(item).text;
    return own;
  }
}
