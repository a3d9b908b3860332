import type { Host } from '../host/host.ts';
import type { Action } from '../line/action.ts';
import type { Config } from '../line/config.ts';
import type { Keeps } from '../line/entry.ts';
import type { Eviction } from '../line/line.ts';
import type { AdoptOptions, ChangedOptions, LineView, OwnEntry, Request, Store, SyncStore } from '../store/store.ts';
import { onAbort } from '../time/abort-listener.ts';
import type { Disk } from './disk.ts';
import type { DiskEntry } from './disk-entry.ts';

/** How often the first in line looks by itself. Those behind it look more and more rarely. */
const POLL_MS = 25;
const POLL_MOST_MS = 500;
/** The same while no poke can be heard. */
const DEAF_POLL_MS = 5;
/** How many one at the back of the line judges at a time; the first in line judges 64. */
const JUDGED_FROM_BEHIND = 8;
/** How often one who is in no line looks at it by itself. */
const WATCHER_POLL_MS = 100;

/**
 * The store on disk. What it does it does at once (`Disk`); this adds the waiting.
 */
export class DiskStore implements Store {
  readonly place: string;
  readonly sync: SyncStore;
  readonly #disk: Disk;
  readonly #host: Host;

  constructor(host: Host, disk: Disk, place: string) {
    this.place = place;
    this.#disk = disk;
    this.#host = host;
    this.sync = disk;
  }

  join(name: string, config: Config, request: Request): OwnEntry {
    this.#host.processes.atSignals();
    return this.#disk.join(name, config, request);
  }

  leave(entry: OwnEntry): void {
    this.#disk.leave(entry);
  }

  abandon(entry: OwnEntry, passOn?: Eviction): void {
    this.#disk.abandon(entry, passOn);
  }

  async adopt(entry: OwnEntry, pid: number, options: AdoptOptions): Promise<boolean> {
    return this.#disk.adopt(entry, pid, options);
  }

  async evict(name: string, ticket: number, eviction: Eviction): Promise<boolean> {
    return this.#disk.evict(name, ticket, eviction);
  }

  async keep(entry: OwnEntry, keeps: Keeps): Promise<void> {
    this.#disk.keep(entry, keeps);
  }

  async act(name: string, config: Config, action: Action): Promise<number | null> {
    return this.#disk.act(name, config, action);
  }

  held(): OwnEntry[] {
    return this.#disk.held();
  }

  async refresh(entry: OwnEntry): Promise<void> {
    this.#disk.refresh(entry);
  }

  async snapshot(name: string): Promise<LineView | null> {
    return this.#disk.snapshot(name);
  }

  async names(): Promise<string[]> {
    return this.#disk.names();
  }

  changed(of: OwnEntry | string, options: ChangedOptions): Promise<void> {
    return typeof of === 'string' ? this.#lineChanged(of, options) : this.#entryChanged(of as DiskEntry, options);
  }

  /** Resolves when the entry's state is another one, or the time is over. */
  #entryChanged(own: DiskEntry, { timeoutMs, signal, keepAlive }: ChangedOptions): Promise<void> {
    return new Promise((resolve, reject) => {
      const before = own.state;
      const deadline = this.#host.clock.monotonicMs() + timeoutMs;
      let cancelTimer = () => {};
      let isOver = false;
      const end = () => {
        isOver = true;
        cancelTimer();
        stopListening();
        stopHearing();
        stopListeningToEntry();
        resolve();
      };
      const look = (judge: boolean) => {
        try {
          this.#look(own, judge);
        } catch (error) {
          reject(error);
          end();
        }
      };
      const poll = () => {
        const rest = deadline - this.#host.clock.monotonicMs();
        if (rest <= 0) return end();
        cancelTimer = this.#host.clock.timer(Math.min(this.#pollMs(own), rest), keepAlive, () => {
          look(true);
          if (!isOver) poll();
        });
      };
      const stopListeningToEntry = own.listen(end);
      const stopListening = this.#disk.presence.listen(() => look(false));
      const stopHearing = onAbort(signal, end);
      // What changed before we listened would not be heard.
      look(false);
      if (own.state !== before || signal?.aborted) end();
      if (!isOver) poll();
    });
  }

  #look(own: DiskEntry, judge: boolean): void {
    own.resource.refreshInPlace();
    if (!judge || own.state !== 'waiting') return;
    const first = own.resource.waitingBefore(own, 1) === 0;
    own.resource.expelDeadBefore(own, first ? undefined : JUDGED_FROM_BEHIND);
  }

  #pollMs(own: DiskEntry): number {
    if (own.state === 'holding') return POLL_MOST_MS;
    if (!this.#disk.presence.hears) return DEAF_POLL_MS;
    return Math.min(POLL_MS * (1 + own.resource.waitingBefore(own, POLL_MOST_MS / POLL_MS)), POLL_MOST_MS);
  }

  /** Somebody in no line watches the journal itself. */
  #lineChanged(name: string, { timeoutMs, signal, keepAlive }: ChangedOptions): Promise<void> {
    return new Promise((resolve) => {
      let stopWatching = () => {};
      const end = () => {
        cancelTimer();
        stopWatching();
        stopHearing();
        resolve();
      };
      const cancelTimer = this.#host.clock.timer(Math.min(WATCHER_POLL_MS, timeoutMs), keepAlive, end);
      const stopHearing = onAbort(signal, end);
      try {
        stopWatching = this.#host.files.watch(this.#disk.directoryOf(name), end);
      } catch {
        // Not there yet, or out of inotify instances: the timer looks again.
      }
      if (signal?.aborted) end();
    });
  }
}
