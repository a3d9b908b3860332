import type { EtcdClient } from '../../lib/etcd/client/etcd-client.ts';
import type { EtcdError } from '../../lib/etcd/client/etcd-error.ts';
import type { Watch, WatchOptions } from '../../lib/etcd/client/watch.ts';
import type { WatchEvent } from '../../lib/etcd/client/watch-messages.ts';

/** What a watch has reported so far. */
export interface Watched {
  readonly watch: Watch;
  readonly events: WatchEvent[];
  /** How many events came at once, each time. */
  readonly sizes: number[];
  readonly interruptions: Error[];
  /** Resolves once there are this many events. */
  until(count: number): Promise<void>;
  /** Resolves once servers have begun to watch this many times. */
  created(times: number): Promise<void>;
  /** Resolves to the error that it ends with. */
  end(): Promise<EtcdError>;
}

export function watched(client: EtcdClient, options: WatchOptions): Watched {
  const events: WatchEvent[] = [];
  const sizes: number[] = [];
  const interruptions: Error[] = [];
  let [created, error]: [number, EtcdError | null] = [0, null];
  const waiters = new Set<() => void>();
  const changed = () => {
    for (const look of [...waiters]) look();
  };
  const when = (holds: () => boolean) =>
    new Promise<void>((resolve) => {
      const look = () => {
        if (!holds()) return;
        waiters.delete(look);
        resolve();
      };
      waiters.add(look);
      look();
    });
  const watch = client.watch(options, {
    onEvents(more) {
      events.push(...more);
      sizes.push(more.length);
      changed();
    },
    onCreated() {
      created += 1;
      changed();
    },
    onInterrupted(reason) {
      interruptions.push(reason);
      changed();
    },
    onEnd(reason) {
      error = reason;
      changed();
    },
  });
  return {
    watch,
    events,
    sizes,
    interruptions,
    until: (count) => when(() => events.length >= count),
    created: (times) => when(() => created >= times),
    async end() {
      await when(() => error !== null);
      return error as EtcdError;
    },
  };
}
