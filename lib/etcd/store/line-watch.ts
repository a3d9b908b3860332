import type { Watch } from '../client/watch.ts';
import type { EtcdResource } from './etcd-resource.ts';

/** One watch over all keys of a name, from the revision on that is known of it. Its events are applied to the line. */
export class LineWatch {
  readonly #resource: EtcdResource;
  #watch: Watch | null = null;
  #hasNews = false;
  #isTending = false;
  #isBeginning = false;

  constructor(resource: EtcdResource) {
    this.#resource = resource;
  }

  /** Whether events come, or will as soon as a server is reached. */
  get isOpen(): boolean {
    return this.#watch !== null || this.#isBeginning;
  }

  /** Begins, unless it is there. A name of which nothing is known is read first. */
  begin(): void {
    if (this.#watch !== null || this.#isBeginning) return;
    const { ledger } = this.#resource;
    if (ledger.line !== null) {
      this.#open(ledger.line.revision);
      return;
    }
    this.#isBeginning = true;
    ledger.read({ keepAlive: false }).then(
      ({ revision }) => {
        if (this.#isBeginning) this.#open(revision);
      },
      () => {
        // The poll reads it again.
        this.#isBeginning = false;
      },
    );
  }

  stop(): void {
    this.#isBeginning = false;
    this.#watch?.cancel();
    this.#watch = null;
  }

  #open(revision: number): void {
    const { ledger, keys, parts } = this.#resource;
    this.#isBeginning = false;
    this.#watch = parts.client.watch(
      { ...keys.all, startRevision: revision + 1 },
      {
        onEvents: (events) => {
          ledger.apply(events);
          void this.#tend();
        },
        onEnd: () => {
          // Compacted: the line that is read anew has all that the lost events did. Anything else: reading it again says so.
          this.#watch = null;
        },
      },
    );
  }

  /** One of all that watch does what the line needs. */
  async #tend(): Promise<void> {
    const { ledger, own } = this.#resource;
    this.#hasNews = true;
    if (this.#isTending || own.size === 0) return;
    this.#isTending = true;
    try {
      while (this.#hasNews && ledger.line !== null) {
        this.#hasNews = false;
        await this.#resource.tend(ledger.line);
      }
    } catch {
      // The poll tries it again.
    }
    this.#isTending = false;
  }
}
