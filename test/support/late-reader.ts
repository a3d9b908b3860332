import type { CallOptions } from '../../lib/etcd/client/caller.ts';
import { EtcdClient } from '../../lib/etcd/client/etcd-client.ts';
import type { RangeRequest, RangeResponse } from '../../lib/etcd/client/kv-messages.ts';
import type { TxnRequest, TxnResponse } from '../../lib/etcd/client/txn-messages.ts';

/** A client that keeps the answer to a reading, and gives it to its caller right before that to a change. */
export class LateReader extends EtcdClient {
  #keeps = false;
  #reading: Promise<unknown> | null = null;
  #deliver: (() => void) | null = null;

  keepNext(): void {
    this.#keeps = true;
  }

  /** `reading`: what waits for the answer that was kept. The next change is the one. */
  deliverWithChange(reading: Promise<unknown>): void {
    this.#reading = reading;
  }

  override async range(request: RangeRequest, options?: CallOptions): Promise<RangeResponse> {
    const answer = await super.range(request, options);
    if (this.#keeps) {
      this.#keeps = false;
      await new Promise<void>((resolve) => {
        this.#deliver = resolve;
      });
    }
    return answer;
  }

  override async txn(request: TxnRequest, options?: CallOptions): Promise<TxnResponse> {
    const answer = await super.txn(request, options);
    if (this.#reading !== null) this.#deliver?.();
    await this.#reading;
    return answer;
  }

  get hasKept(): boolean {
    return this.#deliver !== null;
  }
}
