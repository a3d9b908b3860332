import type { ChangedOptions } from '../../store/store.ts';
import type { Clock } from '../../time/clock.ts';
import { waitUntil } from '../../time/wait.ts';
import { EtcdError } from '../client/etcd-error.ts';
import type { EtcdEntry } from './etcd-entry.ts';
import type { EtcdResource } from './etcd-resource.ts';
import { LineWatch } from './line-watch.ts';

/** How often the first waiter judges those before it, if nothing moved meanwhile. Those behind it judge more and more rarely. */
const JUDGE_MS = 50;
const JUDGE_MOST_MS = 500;
/** How often the line is read anew while somebody waits: a server may drop an event (etcd issue 18089). */
const REREAD_FIRST_MS = 1_000;
const REREAD_MOST_MS = 5_000;
/** How long it goes on after the last wait: a waiter waits again and again. */
const LINGER_MS = 1_000;

/**
 * The waits of one session for one name. All of them share one watch and one poll, which judges whether those in the way are
 * alive and reads the line anew. Both last as long as somebody waits, and keep no process alive.
 */
export class EntryWaits {
  readonly #resource: EtcdResource;
  readonly #clock: Clock;
  readonly #watch: LineWatch;
  readonly #hints = new Set<() => void>();
  #cancelPoll: (() => void) | null = null;
  #cancelLinger: () => void = () => undefined;
  #isPolling = false;
  #rereadAt = 0;
  /** The head of the line at the last poll. */
  #head = '';
  #failure: unknown = null;

  constructor(resource: EtcdResource) {
    this.#resource = resource;
    this.#clock = resource.parts.host.clock;
    this.#watch = new LineWatch(resource);
  }

  /** As `Store.changed`. */
  async changed(own: EtcdEntry | null, options: ChangedOptions): Promise<void> {
    const { ledger } = this.#resource;
    const [news, state] = [options.after || ledger.line?.news, own?.state];
    const hasChanged = own ? () => own.state !== state : () => ledger.line !== null && ledger.line.news !== news;
    await waitUntil({
      clock: this.#clock,
      ...options,
      pollMs: () => Number.POSITIVE_INFINITY,
      look: () => {
        if (this.#failure !== null) throw this.#failure;
        return hasChanged();
      },
      listen: (hint) => this.#begin(own, hint),
    });
  }

  /** Ends all that goes on in the background. */
  stop(): void {
    this.#cancelLinger();
    this.#watch.stop();
    this.#cancelPoll?.();
    this.#cancelPoll = null;
  }

  #begin(own: EtcdEntry | null, hint: () => void): () => void {
    const stops = [own?.listen(hint)];
    this.#failure = null;
    this.#hints.add(hint);
    this.#resource.listeners.add(hint);
    this.#cancelLinger();
    this.#watch.begin();
    if (this.#cancelPoll === null) this.#pollLater();
    return () => {
      for (const stop of stops) stop?.();
      this.#hints.delete(hint);
      this.#resource.listeners.delete(hint);
      if (this.#hints.size === 0) this.#cancelLinger = this.#clock.timer(LINGER_MS, false, () => this.stop());
    };
  }

  get #front(): EtcdEntry | undefined {
    return this.#resource.own.all().find(({ state }) => state === 'waiting');
  }

  #pollLater(): void {
    const front = this.#front;
    const ms = front ? Math.min(JUDGE_MS * (1 + this.#before(front)), JUDGE_MOST_MS) : JUDGE_MOST_MS;
    this.#cancelPoll = this.#clock.timer(ms, false, () => void this.#poll());
  }

  #before(own: EtcdEntry): number {
    const { line } = this.#resource.ledger;
    return line?.waiters.findIndex(({ record }) => record?.id === own.joined?.id) ?? 0;
  }

  async #poll(): Promise<void> {
    if (this.#isPolling) return;
    this.#isPolling = true;
    try {
      await this.#look();
    } catch (error) {
      this.#fail(error);
    }
    this.#isPolling = false;
    if (this.#cancelPoll !== null) this.#pollLater();
  }

  async #look(): Promise<void> {
    const front = this.#front;
    const now = this.#clock.monotonicMs();
    if (now >= this.#rereadAt || !this.#watch.isOpen) {
      this.#rereadAt = now + (front && this.#before(front) === 0 ? REREAD_FIRST_MS : REREAD_MOST_MS);
      await this.#resource.settled({ keepAlive: false });
      if (this.#hints.size > 0) this.#watch.begin();
    }
    const { line } = this.#resource.ledger;
    const head = line?.entries[0]?.key ?? '';
    const hasMoved = head !== this.#head;
    this.#head = head;
    if (front && line && !hasMoved) await this.#resource.expelBefore(front, line);
  }

  /** A server that is away comes back, or the lease ends. An error that every server would return again ends the waits. */
  #fail(error: unknown): void {
    const isPassing = error instanceof EtcdError && ['UNREACHABLE', 'UNSURE', 'EXPIRED'].includes(error.code);
    if (isPassing) return;
    this.#failure = error;
    for (const hint of [...this.#hints]) hint();
  }
}
