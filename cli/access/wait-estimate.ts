import { fetchPast, holdOf, type Past } from '../../lib/history/index.ts';
import type { EntryView, LineView, Store } from '../../lib/index.ts';

/** The newest holds that count, */
const NEWEST = 20;
/** and the fewest from which anything is said. */
const FEWEST = 3;

/** How long a resource is usually held, in ms: the median of its newest holds that have ended. Null: too few are known, or readable. */
export async function usualHoldMs(store: Store, name: string): Promise<number | null> {
  try {
    return medianHold(await fetchPast(name, store));
  } catch {
    // The wait itself reports what is wrong with a store.
    return null;
  }
}

/** @internal */
export function medianHold(past: Past | null): number | null {
  const holds = (past?.spans ?? []).flatMap((span) => (span.end === 'left' ? (holdOf(span, 0)?.ms ?? []) : []));
  const newest = holds.slice(-NEWEST).sort((one, other) => one - other);
  return newest.length < FEWEST ? null : (newest[Math.floor(newest.length / 2)] ?? null);
}

/**
 * When a waiter is likely to be let in, in ms from now, if all hold as long as usual. 0: it would be by now. Each entry takes as
 * many of the permits as it asks for, as soon as they are free; shared entries that stand together take one together.
 *
 * @param before the entries before it in line
 */
export function expectedWaitMs(before: readonly EntryView[], ask: number, line: LineView, at: Moment): number {
  const freeAt: number[] = Array(Math.max(1, Math.min(line.permits, MOST_PERMITS))).fill(0);
  let shared: number | null = null;
  for (const entry of before) {
    const isHolding = entry.state === 'holding';
    const begin: number = entry.ask === 0 && shared !== null ? shared : isHolding ? 0 : earliest(freeAt, entry.ask);
    const end = begin + Math.max(0, isHolding ? at.usualMs - (at.now - entry.since) : at.usualMs);
    take(freeAt, entry.ask, end);
    shared = entry.ask === 0 ? begin : null;
  }
  return ask === 0 && shared !== null ? shared : earliest(freeAt, ask);
}

export interface Moment {
  /** Wall clock in ms since 1970. */
  now: number;
  usualMs: number;
}

/** More permits would not change an estimate. */
const MOST_PERMITS = 1_000;

/** When so many permits are free. */
function earliest(freeAt: readonly number[], ask: number): number {
  return freeAt.toSorted((one, other) => one - other)[Math.min(freeAt.length, Math.max(1, ask)) - 1] ?? 0;
}

/** Takes the permits that are free first. */
function take(freeAt: number[], ask: number, until: number): void {
  freeAt.sort((one, other) => one - other);
  for (let at = 0; at < Math.min(freeAt.length, Math.max(1, ask)); at++) freeAt[at] = Math.max(freeAt[at] ?? 0, until);
}
