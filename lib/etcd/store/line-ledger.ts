import type { CallOptions } from '../client/caller.ts';
import type { EtcdClient } from '../client/etcd-client.ts';
import type { KeyValue, RangeRequest, RangeResponse } from '../client/kv-messages.ts';
import type { Compare, RequestOp, TxnResponse } from '../client/txn-messages.ts';
import type { WatchEvent } from '../client/watch-messages.ts';
import { isThere } from './comparisons.ts';
import { EtcdLine, type LineEntry } from './etcd-line.ts';
import type { NameKeys } from './keys.ts';

/** A change that is done if all comparisons hold. */
export interface Change {
  readonly compare: readonly Compare[];
  readonly success: readonly RequestOp[];
}

/** Whether a change was done, and the line right after. */
export interface Changed {
  readonly isDone: boolean;
  readonly line: EtcdLine;
  /** The other keys that it was to read, if it was done. */
  readonly read?: readonly KeyValue[];
}

/**
 * Reads and changes the keys of one name, and knows its line as it was at the newest revision that was read. Every change
 * is one transaction that also reads the line, whether it is done or not.
 */
export class LineLedger {
  readonly keys: NameKeys;
  readonly #client: EtcdClient;
  readonly #onNews: () => void;
  #line: EtcdLine | null = null;

  constructor(client: EtcdClient, keys: NameKeys, onNews: () => void) {
    this.#client = client;
    this.keys = keys;
    this.#onNews = onNews;
  }

  /** The line as it is known here; null if it was never read. */
  get line(): EtcdLine | null {
    return this.#line;
  }

  async read(options?: CallOptions): Promise<EtcdLine> {
    return this.#accept(await this.#client.range(this.#range, options));
  }

  /** The line of keys that were read together with those of other names. */
  accept(revision: number, kvs: RangeResponse['kvs']): EtcdLine {
    return this.#accept({ header: { revision }, kvs });
  }

  /** The line as it is known here, or as it is read now. */
  known(): EtcdLine | Promise<EtcdLine> {
    return this.#line ?? this.read();
  }

  /**
   * Tries a change that may be sent twice: its comparison fails once it was done.
   *
   * @throws {EtcdError}
   */
  async change(change: Change): Promise<Changed> {
    return this.once(change, { isRepeatable: true });
  }

  /** Tries a change that is sent once. `otherwise`: one that is tried instead, if the first is not done. */
  async once({ compare, success }: Change, options: CallOptions = {}, otherwise?: Change): Promise<Changed> {
    const read = { range: this.#range };
    const second = otherwise && {
      txn: { compare: otherwise.compare, success: [...otherwise.success, read], failure: [read] },
    };
    const request = { compare, success: [...success, read], failure: [second ?? read] };
    const { header, succeeded, responses } = await this.#client.txn(request, options);
    const nested = succeeded ? undefined : responses.at(-1)?.txn;
    const { kvs } = rangeIn(nested?.responses ?? responses);
    const more = succeeded ? responses.slice(0, -1).flatMap(({ range }) => range?.kvs ?? []) : [];
    return { isDone: succeeded || nested?.succeeded === true, line: this.#accept({ header, kvs }), read: more };
  }

  /**
   * Puts an entry into a line, which is the one that is known, and to which the change compares it. The line is read only if it
   * has changed since.
   *
   * Whether the entry holds is decided by that line, which the server has compared, and not by what is known when its answer
   * arrives: meanwhile an older reading, or a late event, may have brought back an entry that is gone.
   */
  async join(entry: Pick<LineEntry, 'key' | 'lease' | 'record'>, line: EtcdLine, change: Change): Promise<Changed> {
    const { header, succeeded, responses } = await this.#client.txn({ ...change, failure: [{ range: this.#range }] });
    if (!succeeded) return { isDone: false, line: this.#accept({ header, kvs: rangeIn(responses).kvs }) };
    // A watch may have reported it by now, and even its end.
    const known = this.#line ?? line;
    if (known.revision < header.revision) this.#line = known.with(entry, header.revision);
    this.#onNews();
    return { isDone: true, line: line.with(entry, header.revision) };
  }

  /** Deletes an entry's key as it was read, and notes when. The line is read only if that was not done. */
  async remove(entry: { key: string; modRevision: number }, nowMicros: number): Promise<boolean> {
    const { header, succeeded, responses } = await this.#client.txn(
      {
        compare: [isThere(entry)],
        success: [{ deleteRange: { key: entry.key } }, timeOp(this.keys, nowMicros)],
        failure: [{ range: this.#range }],
      },
      { isRepeatable: true },
    );
    if (succeeded) this.#line = this.#line?.without(entry.key, header.revision) ?? null;
    else this.#accept({ header, kvs: rangeIn(responses).kvs });
    return succeeded;
  }

  /** Takes what a watch has reported. */
  apply(events: readonly WatchEvent[]): void {
    const next = this.#line?.after(events) ?? null;
    if (next === this.#line) return;
    this.#line = next;
    this.#onNews();
  }

  get #range(): RangeRequest {
    return this.keys.all;
  }

  /**
   * Returns the line that was read, also if a newer one is known. The line that was read replaces what a watch has reported up to the
   * same revision: a server may have dropped an event.
   */
  #accept({ header, kvs }: { header: { revision: number }; kvs: RangeResponse['kvs'] }): EtcdLine {
    const line = EtcdLine.of(this.keys, header.revision, kvs, this.#line);
    if (this.#line === null || line.revision >= this.#line.revision) {
      this.#line = line;
      this.#onNews();
    }
    return line;
  }
}

function rangeIn(responses: TxnResponse['responses']): RangeResponse {
  const range = responses.at(-1)?.range;
  if (range === undefined) throw new RangeError('a transaction was answered without the line that it was to read');
  return range;
}

/** For the past, and for callers that ask how long a name was not used: revisions have no time. */
export function timeOp({ at }: NameKeys, nowMicros: number): RequestOp {
  return { put: { key: at, value: String(nowMicros) } };
}
