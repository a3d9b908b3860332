import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import type { Lease, Store } from 'lockstep';
import { type Asker, askerFor } from '../asker.ts';
import { nowMs } from '../life.ts';
import type { Random } from '../random.ts';
import { refusalOf } from '../refusal.ts';
import type { Ground, Section } from '../scenery.ts';
import type { Breakable } from '../worker-setup.ts';
import { FencedWitness, type Pass } from './fenced-witness.ts';
import { ETCD_SECTIONS, isLong } from './scenery.ts';

/** The ways to acquire, and their relative frequency. */
const WAYS = { wait: 30, try: 20, timeout: 35, abort: 15 };
const PATIENCE_MS = [50, 3_000] as const;
const STAY_MS = [500, 4_000] as const;
/** So that one whose lease has ended (after 10 s) would still be in when the next one comes, if it did not hear of it. */
const LONG_STAY_MS = [12_000, 18_000] as const;
/** So that one who does not hear of its loss is still in when the next one comes; unless it is asked to finish. */
const DEAF_STAY_MS = 60_000;

export interface VisitsOptions {
  ground: Ground;
  store: Store;
  random: Random;
  breaks: Breakable | null;
}

/** Enters sections of a store on etcd, with a witness in each that knows of losses. */
export class EtcdVisits {
  readonly #options: VisitsOptions;
  readonly #witnesses: Map<Section, FencedWitness>;

  constructor(options: VisitsOptions) {
    this.#options = options;
    this.#witnesses = new Map(
      ETCD_SECTIONS.map((section) => [section, new FencedWitness(options.ground.traces(section.name), section)]),
    );
  }

  /** Visits a section in which visits are brief, or one in which they are long. */
  async visit(kind: Section['kind'], long = false): Promise<void> {
    const sections = ETCD_SECTIONS.filter((section) => section.kind === kind && isLong(section) === long);
    const section = this.#options.random.pick(sections as [Section, ...Section[]]);
    await this.#visit(section, (signal) => (long ? this.#stay(signal) : this.#linger()));
  }

  /** Enters one section, and another inside it, always in the order of the list, so that no deadlock is possible. */
  async visitTwo(): Promise<void> {
    const brief = ETCD_SECTIONS.filter((section) => !isLong(section));
    const outer = this.#options.random.whole(0, brief.length - 2);
    const inner = this.#options.random.whole(outer + 1, brief.length - 1);
    const visitInner = () => this.#visit(brief[inner] as Section, () => this.#linger());
    await this.#visit(brief[outer] as Section, visitInner);
  }

  vanish(): void {
    for (const witness of this.#witnesses.values()) witness.vanish();
  }

  async #visit(section: Section, work: (signal: AbortSignal) => Promise<void>): Promise<void> {
    const { breaks, random, store } = this.#options;
    const asker = askerFor(section, store, random);
    const isStolen = breaks === section.kind && !isLong(section);
    const lease = isStolen ? stolen() : await this.#lease(asker);
    if (!lease) return;
    const pass: Pass = breaks === 'signal' ? { token: lease.token } : lease;
    const leave = this.#witnesses.get(section)?.enter(pass, asker.ask);
    try {
      if (breaks === 'signal') await Promise.race([delay(DEAF_STAY_MS), once(process, 'message')]);
      else await work(lease.signal);
    } finally {
      leave?.();
      if (breaks !== 'release' || random.chance(0.8)) await this.#release(lease);
    }
  }

  async #lease(asker: Asker): Promise<Lease | null> {
    const { random } = this.#options;
    const way = random.weighted(WAYS);
    const patience = random.whole(...PATIENCE_MS);
    if (way === 'try') return asker.tryAcquire();
    if (way === 'timeout') return asker.acquire({ timeout: patience });
    if (way === 'abort') return asker.acquire({ signal: AbortSignal.timeout(patience) });
    return asker.acquire();
  }

  /** By the docs: where it fails the lease is still held, and release is to be called again. */
  async #release(lease: Pick<Lease, 'release' | 'held'>): Promise<void> {
    for (;;) {
      try {
        return await lease.release();
      } catch (error) {
        if (!lease.held || refusalOf(error) === null) throw error;
        await delay(100);
      }
    }
  }

  async #stay(signal: AbortSignal): Promise<void> {
    const { random } = this.#options;
    const ms = random.chance(0.4) ? random.whole(...LONG_STAY_MS) : random.whole(...STAY_MS);
    await delay(ms, undefined, { signal }).catch(() => undefined);
  }

  async #linger(): Promise<void> {
    const { random } = this.#options;
    if (random.chance(0.5)) return;
    await delay(random.whole(0, 15));
  }
}

/** The pretended lease of a visitor that acquired nothing. */
function stolen() {
  const { signal } = new AbortController();
  return { token: nowMs() * 1_000, held: true, signal, release: async () => undefined };
}
