import { type Life, lifeOf, nowMs } from '../life.ts';

/** A process that was resumed may need this long until it runs its timers, on a machine that has much else to do. */
const ECHO_MS = 1_500;

/** What one process had, and since when. */
export interface Had {
  who: Life;
  token: number;
  fromMs: number;
}

/** Whoever has the smaller token. */
export function loserOf<T extends Had>(one: T, other: T): T {
  return one.token < other.token ? one : other;
}

/** What the chaos did to processes, so that they could not hear that they lost a lock before another one had it. */
export class Excuses {
  readonly #stops = new Map<Life, { fromMs: number; untilMs: number }[]>();
  readonly #revocations = new Map<Life, number[]>();

  stopped(pids: readonly number[]): void {
    for (const life of livesOf(pids)) listIn(this.#stops, life).push({ fromMs: nowMs(), untilMs: Infinity });
  }

  resumed(pids: readonly number[]): void {
    for (const life of livesOf(pids)) {
      const last = this.#stops.get(life)?.at(-1);
      if (last) last.untilMs = nowMs();
    }
  }

  /** The lease of its session is about to be revoked, which is an order to let others in at once. */
  revoked(pid: number): void {
    for (const life of livesOf([pid])) listIn(this.#revocations, life).push(nowMs());
  }

  /** Whether one who came in at `sinceMs` could not know at `atMs` that it had lost what it held. */
  has(life: Life, sinceMs: number, atMs: number): boolean {
    const stops = this.#stops.get(life) ?? [];
    const wasStopped = stops.some(({ fromMs, untilMs }) => fromMs <= atMs && atMs <= untilMs + ECHO_MS);
    return wasStopped || (this.#revocations.get(life) ?? []).some((ms) => ms >= sinceMs - ECHO_MS && ms <= atMs);
  }

  /** Whether the loser of two could not know that it had lost, by the time when the second one came in. */
  cover(one: Had, other: Had): boolean {
    const { who, fromMs } = loserOf(one, other);
    return this.has(who, fromMs, Math.max(one.fromMs, other.fromMs));
  }
}

function livesOf(pids: readonly number[]): Life[] {
  return pids.map(lifeOf).filter((life) => life !== null);
}

function listIn<T>(map: Map<Life, T[]>, life: Life): T[] {
  const list = map.get(life) ?? [];
  map.set(life, list);
  return list;
}
