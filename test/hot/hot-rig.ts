import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { type Back, HotCounter, type HotCounterOptions, type HotSide, RedisHotSide, sqliteBack } from 'lockstep/hot';
import type { RedisServer } from '../support/redis-server.ts';

/** A test's own folder, with its store and its database; and counters that are closed with it. */
export class HotRig {
  readonly directory = fs.mkdtempSync(path.join(os.tmpdir(), 'lockstep-hot-'));
  /** Where its lines are, and a hot count that is kept nowhere else. */
  readonly store: string;
  readonly #open: Array<{ close(): Promise<void> }> = [];

  /** @param store default: one in its folder */
  constructor(store?: string) {
    this.store = store ?? this.path('store');
  }

  path(...parts: string[]): string {
    return path.join(this.directory, ...parts);
  }

  counter(options: HotCounterOptions, name = 'show-7'): HotCounter {
    return this.keep(new HotCounter(name, { store: this.store, ...options }));
  }

  sqlite(file = 'shop.sqlite'): Back {
    return this.keep(sqliteBack(this.path(file)));
  }

  redis(server: RedisServer, name = 'show-7'): HotSide & RedisHotSide {
    return this.keep(new RedisHotSide(name, server.url));
  }

  keep<T extends { close(): Promise<void> }>(open: T): T {
    this.#open.push(open);
    return open;
  }

  async end(): Promise<void> {
    for (const one of this.#open.reverse()) await one.close();
    fs.rmSync(this.directory, { recursive: true, force: true });
  }
}
