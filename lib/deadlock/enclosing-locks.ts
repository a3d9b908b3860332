import type { Kept } from '../line/entry.ts';
import { isName } from '../store/name.ts';

/**
 * What the commands around this process hold. `lockstep run` hands it down in the environment: what it holds is not
 * given back before its command ends, so whoever waits within that command waits while it is held.
 */

const VARIABLE = 'LOCKSTEP_HELD';
/** Nobody nests deeper, and an environment has little room. */
const MAX_INHERITED = 32;

/** `[store, resource, ticket]` */
type Wire = [string, string, number];

/** What is held around us in this store. Whatever the variable says, it only counts if it stands in a line. */
export function inheritedIn(place: string): Kept[] {
  return inherited().flatMap(([store, name, ticket]) => (store === place ? [{ name, ticket }] : []));
}

/** The variable for a command that is run while one more entry is held. */
export function handedDown(place: string, { name, ticket }: Kept): Record<string, string> {
  return { [VARIABLE]: JSON.stringify([...inherited(), [place, name, ticket]].slice(-MAX_INHERITED)) };
}

function inherited(): Wire[] {
  try {
    const value: unknown = JSON.parse(process.env[VARIABLE] ?? '[]');
    return Array.isArray(value) ? value.filter(isWire).slice(-MAX_INHERITED) : [];
  } catch {
    // Not ours. Without it a deadlock may go untold; nothing else depends on it.
    return [];
  }
}

function isWire(value: unknown): value is Wire {
  if (!Array.isArray(value)) return false;
  const [store, name, ticket] = value as unknown[];
  return typeof store === 'string' && typeof name === 'string' && isName(name) && Number.isSafeInteger(ticket);
}
