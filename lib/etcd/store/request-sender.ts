import { type Newcomer, trying } from './entrance.ts';
import type { EtcdLine, LineEntry } from './etcd-line.ts';
import type { EtcdResource } from './etcd-resource.ts';
import type { Change, Changed } from './line-ledger.ts';
import { isEtcd } from './store-failure.ts';

/** The entry of a request, if it is in line. */
export function entryOf({ record }: Newcomer, line: EtcdLine): LineEntry | undefined {
  return line.entries.find((entry) => entry.record?.id === record.id);
}

/**
 * Sends the changes that put entries into a line: each once, because a second one would be another entry. Where no answer comes,
 * the entry is found, or the request is voided.
 */
export class RequestSender {
  readonly #resource: EtcdResource;

  constructor(resource: EtcdResource) {
    this.#resource = resource;
  }

  /** @throws {EtcdError} with `UNSURE` if no server answers; then the entry is taken out as soon as one does */
  send(newcomer: Newcomer, change: Change, otherwise?: Change): Promise<Changed> {
    return this.#sent(newcomer, this.#resource.ledger.once(change, {}, otherwise));
  }

  /** The same where the line admits it, as it is known here. Not done if others have come since. */
  sendQuickly(newcomer: Newcomer, line: EtcdLine): Promise<Changed> {
    const { key, lease, record } = newcomer;
    const { ledger } = this.#resource;
    // The line of the ledger may be newer by now; it is that to which the entry is added.
    if (line !== ledger.line) return this.send(newcomer, trying(newcomer, line));
    return this.#sent(newcomer, ledger.join({ key, lease: lease.id, record }, line, trying(newcomer, line)));
  }

  async #sent(newcomer: Newcomer, sending: Promise<Changed>): Promise<Changed> {
    try {
      return await sending;
    } catch (error) {
      if (!isEtcd(error, 'UNSURE')) throw error;
      return this.#find(newcomer, error);
    }
  }

  async #find(newcomer: Newcomer, unsure: unknown): Promise<Changed> {
    try {
      return await this.#void(newcomer);
    } catch (error) {
      // The lease is gone, and nothing can be under it any more.
      if (isEtcd(error, 'EXPIRED')) throw error;
      this.#resource.parts.abandoned.add(() => this.#takeBack(newcomer));
      throw unsure;
    }
  }

  async #takeBack(newcomer: Newcomer): Promise<void> {
    try {
      const { line } = await this.#void(newcomer);
      const found = entryOf(newcomer, line);
      if (found) await this.#resource.ledger.remove(found, this.#resource.now());
    } catch (error) {
      if (!isEtcd(error, 'EXPIRED')) throw error;
    }
  }

  /**
   * Puts a key with which the request can be done no more, and reads whether it was done before:
   *   1. the request is sent, and its server is cut off;
   *   2. it is voided on another server, and its caller joins again;
   *   3. the first server is heard again, and passes the request on: it compares that there is no such key.
   */
  async #void(newcomer: Newcomer): Promise<Changed> {
    const { record, lease, keys } = newcomer;
    const put = { put: { key: keys.void(record.id), value: '', lease: lease.id } };
    const { line } = await this.#resource.ledger.change({ compare: [], success: [put] });
    return { isDone: entryOf(newcomer, line) !== undefined, line };
  }
}
