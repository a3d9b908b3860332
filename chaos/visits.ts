import { setTimeout as delay } from 'node:timers/promises';
import type { Lease, Store } from 'lockstep';
import { type Asker, askerFor } from './asker.ts';
import { nowMs } from './life.ts';
import type { Random } from './random.ts';
import { refusalOf } from './refusal.ts';
import { type Ground, SECTIONS, type Section } from './scenery.ts';
import { Witness } from './witness.ts';
import type { Breakable, Report } from './worker-setup.ts';

/** The ways to acquire, and their relative frequency. */
const WAYS = { wait: 25, scoped: 15, blocking: 5, try: 20, timeout: 25, abort: 10 };
/** A blocked thread receives no message, so its wait must be bounded. */
const BLOCKED_MOST_MS = 5_000;
const AGAIN_MS = 10;

type Held = Pick<Lease, 'token' | 'held' | 'release'>;

export interface VisitsOptions {
  ground: Ground;
  store: Store;
  random: Random;
  breaks: Breakable | null;
  report: Report;
}

/** Enters sections, in every way that the library has, with a witness in each. */
export class Visits {
  readonly #options: VisitsOptions;
  readonly #witnesses: Map<string, Witness>;

  constructor(options: VisitsOptions) {
    this.#options = options;
    const { ground } = options;
    this.#witnesses = new Map(
      SECTIONS.map((section) => [section.name, new Witness(ground.traces(section.name), section)]),
    );
  }

  async visit(kind: Section['kind']): Promise<void> {
    const sections = SECTIONS.filter((section) => section.kind === kind);
    await this.#visit(this.#options.random.pick(sections as [Section, ...Section[]]), () => this.#linger());
  }

  /** Enters one section, and another inside it, always in the order of the list, so that no deadlock is possible. */
  async visitTwo(): Promise<void> {
    const { random } = this.#options;
    const outer = random.whole(0, SECTIONS.length - 2);
    const inner = random.whole(outer + 1, SECTIONS.length - 1);
    await this.#visit(SECTIONS[outer] as Section, () => this.#visit(SECTIONS[inner] as Section, () => this.#linger()));
  }

  /** For a process that is about to die of a signal. */
  vanish(): void {
    for (const witness of this.#witnesses.values()) witness.vanish();
  }

  async #visit(section: Section, work: () => Promise<void>): Promise<void> {
    const { random, store } = this.#options;
    const asker = askerFor(section, store, random);
    const way = random.weighted(WAYS);
    if (way === 'scoped' && this.#options.breaks !== section.kind) return this.#scoped(section, asker, work);
    const lease = await this.#lease(section, asker, way);
    if (!lease) return;
    try {
      await this.#inside(section, asker.ask, lease, work);
    } finally {
      // Only a check of the whole system detects a forgotten release.
      if (this.#options.breaks !== 'release' || random.chance(0.8)) await this.#release(lease);
    }
  }

  async #lease(section: Section, asker: Asker, way: string): Promise<Held | null> {
    const { random, breaks } = this.#options;
    if (breaks === section.kind) return stolen();
    if (way === 'try') return asker.tryAcquire();
    if (way === 'blocking') return asker.acquireSync({ timeout: BLOCKED_MOST_MS });
    if (way === 'timeout') return asker.acquire({ timeout: random.whole(0, 60) });
    if (way === 'abort') return asker.acquire({ signal: AbortSignal.timeout(random.whole(1, 60)) });
    return asker.acquire();
  }

  async #scoped(section: Section, asker: Asker, work: () => Promise<void>): Promise<void> {
    let held: Lease | undefined;
    try {
      await asker.scoped((lease) => {
        held = lease;
        return this.#inside(section, asker.ask, lease, work);
      });
    } finally {
      // The `leave` could not be written: by the docs, release is to be called again.
      if (held?.held) await this.#release(held);
    }
  }

  async #inside(section: Section, ask: number, lease: Held, work: () => Promise<void>): Promise<void> {
    const witness = this.#witnesses.get(section.name);
    const visit = witness?.enter(lease.token, ask);
    try {
      await work();
    } finally {
      if (visit) witness?.exit(visit);
    }
  }

  async #release(lease: Held): Promise<void> {
    for (;;) {
      try {
        return await lease.release();
      } catch (error) {
        const code = refusalOf(error);
        if (code !== 'STORE_FULL') throw error;
        this.#options.report({ is: 'refused', code, atMs: nowMs(), message: String(error) });
        await delay(AGAIN_MS);
      }
    }
  }

  async #linger(): Promise<void> {
    const { random } = this.#options;
    if (random.chance(0.5)) return;
    if (random.chance(0.9)) await new Promise(setImmediate);
    else await delay(random.whole(1, 15));
  }
}

/** The pretended lease of a visitor that acquired nothing. */
function stolen(): Held {
  return { token: nowMs() * 1_000, held: false, release: async () => undefined };
}
