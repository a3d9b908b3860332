import type { EntryView, LineView } from '../../lib/index.ts';

/** Lines and entries in words, the same in every verb. */

/** `holding`, `waiting`, `holding ×2` (permits), `holding shared`, `holding stale`, `waiting deadlock`. */
export function stateOf({ state, ask, stale }: EntryView, isDeadlocked: boolean): string {
  const share = ask === 0 ? ' shared' : ask > 1 ? ` ×${ask}` : '';
  return `${state}${share}${stale ? ' stale' : ''}${isDeadlocked ? ' deadlock' : ''}`;
}

/** The state of a resource without entries. */
export function idleStateOf({ kind, value }: LineView): string {
  if (kind === 'event') return value === 1 ? 'set' : 'clear';
  if (kind === 'barrier' && value === 1) return 'broken';
  if (kind === 'queue') return value === 0 ? 'empty' : `${value} queued`;
  return kind === 'counter' ? String(value) : 'free';
}

/** `semaphore(4)`; `-` if the resource was never used. */
export function kindOf({ kind, permits }: Pick<LineView, 'kind' | 'permits'>): string {
  if (kind === '') return '-';
  return kind === 'semaphore' || kind === 'barrier' ? `${kind}(${permits})` : kind;
}

/** The number that names an entry: a holder's fencing token, a waiter's place in line. */
export function tokenOf({ token, ticket }: EntryView): number {
  return token || ticket;
}
