import type { EntryView } from '../lib/store.ts';

/** The number by which people speak of an entry: its fencing token, or while it waits its place in line. */
export function tokenOf({ token, ticket }: EntryView): number {
  return token || ticket;
}
