import { sizeOf } from '../../line/item.ts';
import { finishing } from './ending.ts';
import type { EtcdEntry } from './etcd-entry.ts';
import type { EtcdLine, LineEntry } from './etcd-line.ts';
import { type EtcdResource, MAX_ROUNDS } from './etcd-resource.ts';
import { itemOf } from './item-text.ts';
import { GONE } from './own-entries.ts';
import { tooBusy } from './store-failure.ts';

/** How an entry of ours leaves its line. */
export class Departure {
  readonly #resource: EtcdResource;
  readonly #own: EtcdEntry;

  constructor(resource: EtcdResource, own: EtcdEntry) {
    this.#resource = resource;
    this.#own = own;
  }

  /** Does nothing if it is not in line any more. The item that it has taken from a queue is given back. */
  leave(): Promise<void> {
    return this.#until((line, found) => this.#leaveOnce(line, found));
  }

  /**
   * The same, and what it has taken from a queue ends with it. Does nothing if that is nothing.
   *
   * Where an answer was lost, its entry is found gone, which may have another cause:
   *   1. the change is sent, and does not arrive;
   *   2. the lease is revoked, and another session takes the item, and finishes it;
   *   3. the change is sent once more: it is not done, and neither entry nor item is there.
   * So the server is asked whether the lease lives: then nobody else has ended the entry without a word.
   */
  async finish(): Promise<void> {
    const own = this.#own;
    // Only to know how much room it took.
    const item = await itemOf(this.#resource, own);
    if (item === null || !own.isInLine) return;
    let isSure = false;
    await this.#until(async (line, found) => {
      isSure = await this.#finishOnce(line, found, sizeOf(item.text));
    });
    if (!isSure && own.state === 'left' && !(await this.#hasFinished(item.sequence))) own.lose(GONE);
  }

  async #until(once: (line: EtcdLine, found: LineEntry | undefined) => Promise<void>): Promise<void> {
    const own = this.#own;
    const { own: entries, name, parts, ledger } = this.#resource;
    const { entry, id } = own.joined ?? {};
    if (!entry || !id) return;
    // The watch may report the end before the answer comes.
    own.isLeaving = true;
    try {
      for (let round = 0; entries.has(own) && own.isInLine; round++) {
        if (round === MAX_ROUNDS) throw tooBusy(name, parts.place);
        const line = await ledger.known();
        await once(line, line.find(entry.key, id));
      }
    } finally {
      own.isLeaving = false;
    }
  }

  async #leaveOnce(line: EtcdLine, found: LineEntry | undefined): Promise<void> {
    const { ledger, own: entries } = this.#resource;
    const own = this.#own;
    const { kind } = line.state ?? {};
    if (kind !== 'condition' && kind !== 'barrier' && kind !== 'queue') {
      const key = own.joined?.entry.key ?? '';
      if (await ledger.remove({ key, modRevision: own.modRevision }, this.#resource.now())) entries.drop(own, 'left');
      return;
    }
    // Where it is not known it is read; then it is there, or gone.
    if (found === undefined) await ledger.read();
    else if ((await this.#resource.end(line, [found], null)).isDone) entries.drop(own, 'left');
  }

  async #finishOnce(line: EtcdLine, found: LineEntry | undefined, size: number): Promise<boolean> {
    const { ledger, own: entries, keys } = this.#resource;
    if (found?.item && line.state) {
      const { isDone } = await this.#resource.noted(finishing(keys, line, line.state, found, size));
      if (isDone) entries.drop(this.#own, 'left');
      return isDone;
    }
    await ledger.read();
    return false;
  }

  async #hasFinished(sequence: number): Promise<boolean> {
    const { ledger, parts } = this.#resource;
    const { queue } = ledger.line ?? {};
    const isUnfinished = queue && [...queue.taken.values(), ...queue.back].some((item) => item.sequence === sequence);
    const lease = this.#own.joined?.lease;
    if (!queue || isUnfinished || !lease?.isAlive) return false;
    const { ttl } = await parts.client.timeToLive(this.#own.leaseId).catch(() => ({ ttl: 0 }));
    return ttl > 0;
  }
}
