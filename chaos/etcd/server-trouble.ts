import { setTimeout as delay } from 'node:timers/promises';
import type { Crowd } from '../crowd.ts';
import { isLiving, nowMs, pidOf } from '../life.ts';
import { Markers } from '../markers.ts';
import { WorkerMember } from '../member.ts';
import type { Random } from '../random.ts';
import type { Ground } from '../scenery.ts';
import type { Settings, TroubleName } from '../settings.ts';
import type { Weather } from '../weather.ts';
import type { Excuses } from './excuses.ts';
import type { Cut, Network } from './network.ts';
import { LONG_LOCKS, PREFIX } from './scenery.ts';
import type { Servers } from './servers.ts';

const GAP_MS = [300, 2_500] as const;
const SMALL_GAP_MS = [1_500, 5_000] as const;
/** Some are longer than a lease lasts (10 s). */
const STOP_MS = [1_500, 12_000] as const;
const CUTS: Record<Cut, number> = { alone: 3, mute: 2, members: 2, clients: 1 };
const CUT_MS = [2_000, 7_000] as const;
/** Longer than a lease lasts. */
const LONG_CUT_MS = [11_000, 14_000] as const;
const DOWN_MS = [300, 5_000] as const;
const SLOW_MS = [3_000, 7_000] as const;
const OUTAGE_MS = [1_000, 7_000] as const;
/** Elections, new connections, and what waited for both. */
const ECHO_MS = 15_000;
const EXIT = { io: 74, notAcquired: 75 };

/** The longer troubles, by their names in the settings. Each is drawn once before any is drawn again. */
const DECK = ['stop', 'kill', 'cut', 'cut', 'slow', 'outage'] as const;
type Card = (typeof DECK)[number];
const NAMES: Record<Card, TroubleName> = {
  stop: 'members',
  kill: 'members',
  cut: 'partitions',
  slow: 'slow',
  outage: 'outages',
};

export interface ServerTroubleOptions {
  ground: Ground;
  network: Network;
  servers: Servers;
  excuses: Excuses;
  settings: Settings;
  random: Random;
}

/** Makes trouble for the servers, and for the leases on them; the long ones one after the other. */
export class ServerTrouble implements Weather {
  readonly #options: ServerTroubleOptions;
  readonly counts = { stop: 0, kill: 0, cut: 0, slow: 0, outage: 0, compaction: 0, revocation: 0 };
  /** How many of the stops, kills and cuts met the leader. */
  leaders = 0;
  #badUntilMs = Number.POSITIVE_INFINITY;

  constructor(options: ServerTroubleOptions) {
    this.#options = options;
  }

  get isBad(): boolean {
    return nowMs() < this.#badUntilMs;
  }

  /** The servers may be away, slow or leaderless at any time; and on a busy machine they are slow by themselves. */
  explains(): boolean {
    return true;
  }

  refusal(exitCode: number | null, said: string): string | null {
    const code = /no member could do it|has not answered within/.test(said)
      ? 'UNREACHABLE'
      : /it is not known whether|may have been done|no answer came/i.test(said)
        ? 'UNSURE'
        : /is lost: |taken out of the line/.test(said)
          ? 'LEASE_LOST'
          : null;
    const isMeant = exitCode === EXIT.io || exitCode === EXIT.notAcquired || exitCode === 0;
    return code !== null && isMeant ? `exit ${exitCode} (${code})` : null;
  }

  /** Resolves when the time is over or `signal` aborts, and all is well again. */
  async make(crowd: Crowd, signal: AbortSignal): Promise<void> {
    await Promise.all([this.#disturb(signal), this.#meddle(crowd, signal)]);
    await this.#heal();
    this.#badUntilMs = nowMs() + ECHO_MS;
  }

  async #disturb(signal: AbortSignal): Promise<void> {
    let deck: Card[] = [];
    const { random, settings } = this.#options;
    while (await elapsed(random.whole(...GAP_MS), signal)) {
      if (deck.length === 0) deck = DECK.filter((card) => !settings.without.includes(NAMES[card]));
      const [card] = deck.splice(random.whole(0, deck.length - 1), 1);
      if (card === undefined) return;
      this.counts[card] += 1;
      await this.#play(card, signal);
    }
  }

  async #play(card: Card, signal: AbortSignal): Promise<void> {
    const { random, servers } = this.#options;
    if (card === 'outage') return this.#outage(signal);
    if (card === 'cut') return this.#cut(signal);
    const site = await this.#site();
    if (card === 'stop') {
      servers.signal(site, 'SIGSTOP');
      await elapsed(random.whole(...STOP_MS), signal);
      servers.signal(site, 'SIGCONT');
    } else if (card === 'kill') {
      await servers.kill(site);
      await elapsed(random.whole(...DOWN_MS), signal);
      servers.start(site);
    } else {
      await servers.slow(site);
      await elapsed(random.whole(...SLOW_MS), signal);
      await servers.quicken(site);
    }
  }

  /** Half of the cuts meet the site of one who stays in a section, the others mostly the leader's. */
  async #cut(signal: AbortSignal): Promise<void> {
    const { network, random, settings } = this.#options;
    // Found within half a minute, if each cut matters.
    const isSure = settings.breaks === 'signal';
    const site = (random.chance(isSure ? 1 : 0.5) ? this.#siteOfHolder() : null) ?? (await this.#site());
    await network.cut(site, isSure ? 'alone' : random.weighted(CUTS));
    const isLong = isSure || random.chance(0.6);
    await elapsed(isLong ? random.whole(...LONG_CUT_MS) : random.whole(...CUT_MS), signal);
    await network.heal(site);
  }

  #siteOfHolder(): number | null {
    const { ground, network, random } = this.#options;
    const inside = LONG_LOCKS.flatMap((name) => Markers.inside(ground.traces(name))).filter(isLiving);
    return inside.length === 0 ? null : network.siteOf(pidOf(random.pick(inside as [string, ...string[]])));
  }

  /** All members are stopped, or killed, and come back. */
  async #outage(signal: AbortSignal): Promise<void> {
    const { network, random, servers } = this.#options;
    const sites = Array.from({ length: network.size }, (_, site) => site);
    const isKill = random.chance(0.5);
    for (const site of sites) await (isKill ? servers.kill(site) : servers.signal(site, 'SIGSTOP'));
    await elapsed(random.whole(...OUTAGE_MS), signal);
    for (const site of sites) await (isKill ? servers.start(site) : servers.signal(site, 'SIGCONT'));
  }

  /** Mostly the leader's. */
  async #site(): Promise<number> {
    const { network, random, servers } = this.#options;
    const leader = random.chance(0.6) ? await servers.leader() : null;
    if (leader !== null) this.leaders += 1;
    return leader ?? random.whole(0, network.size - 1);
  }

  /** Compactions and revocations: they take no time. Where the servers are away, they are left out. */
  async #meddle(crowd: Crowd, signal: AbortSignal): Promise<void> {
    const { network, random, settings } = this.#options;
    while (await elapsed(random.whole(...SMALL_GAP_MS), signal)) {
      const what = random.pick(['compaction', 'revocation'] as const);
      if (settings.without.includes(what)) continue;
      const site = random.whole(0, network.size - 1);
      const isDone = what === 'compaction' ? this.#compact(site) : this.#revoke(crowd, site);
      if (await isDone.catch(() => false)) this.counts[what] += 1;
    }
  }

  async #compact(site: number): Promise<boolean> {
    await this.#options.servers.compact(site);
    return true;
  }

  /** Revokes the lease of a worker that is in some line. */
  async #revoke(crowd: Crowd, site: number): Promise<boolean> {
    const { excuses, random, servers } = this.#options;
    const workers = crowd.members.filter((member) => member instanceof WorkerMember && !member.contained);
    const text = await servers.control(site, 'get', '--prefix', `${PREFIX}/`, '-w', 'json');
    const { kvs = [] } = JSON.parse(text.replace(/"lease":(\d+)/g, '"lease":"$1"')) as { kvs?: Kv[] };
    const leases = kvs.flatMap(({ lease, value }) => {
      const pid = ownerOf(Buffer.from(value, 'base64').toString());
      return lease !== undefined && workers.some((worker) => worker.pid === pid) ? [{ lease, pid }] : [];
    });
    if (leases.length === 0) return false;
    const { lease, pid } = random.pick(leases as [Leased, ...Leased[]]);
    excuses.revoked(pid);
    await servers.control(site, 'lease', 'revoke', BigInt(lease).toString(16));
    return true;
  }

  async #heal(): Promise<void> {
    const { network, servers } = this.#options;
    for (let site = 0; site < network.size; site++) {
      await network.heal(site);
      await servers.quicken(site);
      servers.signal(site, 'SIGCONT');
      servers.start(site);
    }
    await servers.answer();
  }
}

interface Kv {
  lease?: string;
  value: string;
}

interface Leased {
  lease: string;
  pid: number;
}

/** The pid of the first owner of an entry, by the layout in `docs/decisions/0025-the-store-on-etcd.md`; 0 if it is none. */
function ownerOf(value: string): number {
  try {
    const { entry } = JSON.parse(value) as { entry: [number, string, [string, [number]][]] };
    return entry[2][0]?.[1][0] ?? 0;
  } catch {
    return 0;
  }
}

/** Resolves to false if the signal has aborted. */
async function elapsed(ms: number, signal: AbortSignal): Promise<boolean> {
  return delay(ms, true, { signal }).catch(() => false);
}
