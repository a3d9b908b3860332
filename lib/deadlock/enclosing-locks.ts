import type { Kept } from '../line/entry.ts';
import { isName } from '../store/name.ts';

/**
 * The locks that the commands around this process hold. `lockstep run` passes them on in the environment: it does not
 * release before its command ends, so a wait within that command lasts while they are held.
 */

const VARIABLE = 'LOCKSTEP_HELD';
/** Commands are not nested deeper, and an environment has little room. */
const MAX_INHERITED = 32;

/** `[store, resource, ticket]` */
type Wire = [string, string, number];

/** The entries held around us in this store. One counts only if it also stands in a line. */
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
    // Not ours. Without it a deadlock may not be found; nothing else depends on it.
    return [];
  }
}

function isWire(value: unknown): value is Wire {
  if (!Array.isArray(value)) return false;
  const [store, name, ticket] = value as unknown[];
  return typeof store === 'string' && typeof name === 'string' && isName(name) && Number.isSafeInteger(ticket);
}
