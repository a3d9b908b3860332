import type { EntryView, LineView } from '../../lib/store/store.ts';

/** How lines and entries are described to people: the same words in every verb. */

/** `holding`, `waiting`, `holding ×2` (permits), `holding shared`, `holding stale`, `waiting deadlock`. */
export function stateOf({ state, ask, stale }: EntryView, isKnotted: boolean): string {
  const share = ask === 0 ? ' shared' : ask > 1 ? ` ×${ask}` : '';
  return `${state}${share}${stale ? ' stale' : ''}${isKnotted ? ' deadlock' : ''}`;
}

/** How a resource is in whose line nobody stands. */
export function idleStateOf({ kind, value }: LineView): string {
  if (kind === 'event') return value === 1 ? 'set' : 'clear';
  if (kind === 'barrier' && value === 1) return 'broken';
  return kind === 'counter' ? String(value) : 'free';
}

export function kindOf({ kind, permits }: LineView): string {
  if (kind === '') return '-';
  return kind === 'semaphore' || kind === 'barrier' ? `${kind}(${permits})` : kind;
}

/** The number by which people speak of an entry: its fencing token, or while it waits its place in line. */
export function tokenOf({ token, ticket }: EntryView): number {
  return token || ticket;
}
