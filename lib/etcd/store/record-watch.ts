import type { Clock } from '../../time/clock.ts';
import type { EtcdClient } from '../client/etcd-client.ts';
import type { KeyValue } from '../client/kv-messages.ts';
import type { Watch } from '../client/watch.ts';

/** How soon it is begun again, when servers are away or what comes next was compacted. */
const AGAIN_MS = 1_000;

/** Reports the values under one key: the present one, and every later put. It keeps no process alive. */
export class RecordWatch {
  readonly #client: EtcdClient;
  readonly #clock: Clock;
  readonly #key: string;
  readonly #onPut: (kv: KeyValue) => void;
  #watch: Watch | null = null;
  #cancelTimer = (): void => undefined;
  /** Of the last put that was reported. */
  #revision = 0;
  #isOver = false;

  constructor(client: EtcdClient, clock: Clock, key: string, onPut: (kv: KeyValue) => void) {
    this.#client = client;
    this.#clock = clock;
    this.#key = key;
    this.#onPut = onPut;
    void this.#begin();
  }

  stop(): void {
    this.#isOver = true;
    this.#cancelTimer();
    this.#watch?.cancel();
  }

  async #begin(): Promise<void> {
    try {
      const { kvs, header } = await this.#client.range({ key: this.#key }, { keepAlive: false });
      this.#report(kvs);
      if (!this.#isOver) this.#open(header.revision + 1);
    } catch {
      this.#beginAgain();
    }
  }

  #open(startRevision: number): void {
    this.#watch = this.#client.watch(
      { key: this.#key, startRevision },
      {
        onEvents: (events) => this.#report(events.flatMap(({ type, kv }) => (type === 'put' ? kv : []))),
        onEnd: () => this.#beginAgain(),
      },
    );
  }

  #beginAgain(): void {
    if (this.#isOver) return;
    this.#cancelTimer = this.#clock.timer(AGAIN_MS, false, () => void this.#begin());
  }

  #report(kvs: readonly KeyValue[]): void {
    for (const kv of kvs) {
      if (this.#isOver || kv.modRevision <= this.#revision) continue;
      this.#revision = kv.modRevision;
      this.#onPut(kv);
    }
  }
}
