import type { Past } from '../../store/past.ts';
import type { Clock } from '../../time/clock.ts';
import type { EtcdClient } from '../client/etcd-client.ts';
import { EtcdError } from '../client/etcd-error.ts';
import type { KeyValue } from '../client/kv-messages.ts';
import type { WatchEvent } from '../client/watch-messages.ts';
import { EtcdLine } from './etcd-line.ts';
import { type PastParts, PastRecorder } from './past-recorder.ts';

/** How long the past may take to arrive. */
const READ_MS = 10_000;
/** Once the line is as it was read, what a lease has ended just before may still follow. */
const SETTLE_MS = 50;
/** How often the oldest revision may be compacted away while it is being read. */
const MAX_ROUNDS = 5;

export interface PastOptions extends PastParts {
  readonly clock: Clock;
}

/**
 * Reads the past of a name from the revisions that etcd still has: all events below the name, from the oldest one on. Null if there is no
 * such name. @throws {EtcdError}
 */
export async function readPast(client: EtcdClient, options: PastOptions): Promise<Past | null> {
  const { keys, clock } = options;
  const now = await client.range(keys.all);
  if (!now.kvs.some(({ key }) => key.toString() === keys.state)) return null;
  let oldest = 0;
  for (let round = 1; ; round++) {
    try {
      const kvs = oldest === 0 ? [] : (await client.range({ ...keys.all, revision: oldest })).kvs;
      const recorder = new PastRecorder(options, EtcdLine.of(keys, oldest, kvs, null));
      await new Replay(client, options, recorder, kvs).until(now.kvs);
      return recorder.past(clock.wallMicros() / 1_000, oldest > 0);
    } catch (error) {
      if (!(error instanceof EtcdError && error.code === 'COMPACTED') || round === MAX_ROUNDS) throw error;
      oldest = error.compactRevision ?? oldest;
    }
  }
}

/** The events below a name, given to a recorder revision by revision. */
class Replay {
  readonly #client: EtcdClient;
  readonly #options: PastOptions;
  readonly #recorder: PastRecorder;
  /** The keys that are there, and their revisions. */
  readonly #there: Map<string, number>;

  constructor(client: EtcdClient, options: PastOptions, recorder: PastRecorder, kvs: readonly KeyValue[]) {
    this.#client = client;
    this.#options = options;
    this.#recorder = recorder;
    this.#there = new Map(kvs.map(({ key, modRevision }) => [key.toString(), modRevision]));
  }

  /**
   * Resolves when everything has happened that led to these keys. Each change of a line that is not a lease's end changes a key that
   * stays (the state, or the time), so the keys and their revisions show it.
   */
  until(kvs: readonly KeyValue[]): Promise<void> {
    const { clock, keys } = this.#options;
    const wanted = new Map(kvs.map(({ key, modRevision }) => [key.toString(), modRevision]));
    const startRevision = this.#recorder.line.revision + 1;
    return new Promise((resolve, reject) => {
      let cancelSettled: (() => void) | null = null;
      const end = (settle: () => void) => {
        cancelSettled?.();
        cancelTimer();
        watch.cancel();
        settle();
      };
      const look = () => {
        // Once: where others go on, there is no end of events.
        if (cancelSettled !== null || !this.#hasCaughtUp(wanted)) return;
        cancelSettled = clock.timer(SETTLE_MS, true, () => end(resolve));
      };
      const late = new EtcdError('UNREACHABLE', `etcd watch: the past did not arrive within ${READ_MS} ms`, {
        operation: 'watch',
      });
      const cancelTimer = clock.timer(READ_MS, true, () => end(() => reject(late)));
      const watch = this.#client.watch(
        { ...keys.all, startRevision },
        {
          onEvents: (events) => {
            this.#take(events);
            look();
          },
          onEnd: (error) => end(() => reject(error)),
        },
      );
      look();
    });
  }

  #take(events: readonly WatchEvent[]): void {
    for (let from = 0; from < events.length; ) {
      const revision = events[from]?.kv.modRevision;
      let to = from + 1;
      while (events[to]?.kv.modRevision === revision) to += 1;
      const together = events.slice(from, to);
      for (const { type, kv } of together) {
        if (type === 'put') this.#there.set(kv.key.toString(), kv.modRevision);
        else this.#there.delete(kv.key.toString());
      }
      this.#recorder.apply(together);
      from = to;
    }
  }

  /** Others may have gone on since: then a key that stays has a later revision. */
  #hasCaughtUp(wanted: ReadonlyMap<string, number>): boolean {
    const { state, at } = this.#options.keys;
    const isPast = [state, at].some((key) => (this.#there.get(key) ?? 0) > (wanted.get(key) ?? 0));
    if (isPast) return true;
    return (
      this.#there.size === wanted.size && [...wanted].every(([key, revision]) => this.#there.get(key) === revision)
    );
  }
}
