import { isCount } from '../journal/record.ts';
import { fromWire, type Owner, toWire } from '../session/facts.ts';
import type { Item } from './item.ts';

const MAX_LABEL = 200;
const MAX_OWNERS = 16;
/** At most this many of the entries that an owner keeps are recorded. */
export const MAX_KEPT = 64;

/** An entry in another line of the same store. */
export interface Kept {
  readonly name: string;
  readonly ticket: number;
}

/** The entries that a waiter's owner holds elsewhere, and keeps from others while it waits. */
export interface Keeps {
  /**
   * The entries that the owner holds and cannot release as long as it waits. All of the `waits` must record them, or one
   * of them as often as there are waits.
   */
  readonly held: readonly Kept[];
  /** How many waits the owner has at once: the end of any one of them may let it release. */
  readonly waits: number;
}

/** Why another session ended an entry. */
export interface Eviction {
  reason: string;
  by: string;
  /** It was given back for its owner, who goes on without it. Only a store of leases, which ends an owner that loses its entry, asks. */
  isRelease?: boolean;
}

/** The reason of an eviction that is none: a command of the holder's script gave the entry back (`lockstep release`). */
export const RELEASED = 'released';

/**
 * Whether an eviction is a release. A user who breaks a lock may give any reason, also this one: then `by` names the user
 * behind the pid. Servers keep a mark; journals have none.
 */
export function isRelease({ reason, by, isRelease: isMarked = false }: Eviction): boolean {
  return isMarked || (reason === RELEASED && /^pid \d+$/.test(by));
}

/** One request in a line, waiting or holding. */
export interface Entry {
  readonly ticket: number;
  /** The id of its `enter` record. */
  readonly id: string;
  readonly owners: Owner[];
  /** How many permits it asks for; 0 means a shared entry of a lock. */
  readonly ask: number;
  /** Wall clock in µs at which it joined. */
  readonly at: number;
  readonly label: string;
  holding: boolean;
  /** Its fencing token once it holds, and 0 before. The ticket, unless the lock was stolen before it. */
  token: number;
  /** Of a queue: what it has taken, once it holds. */
  item: Item | null;
  keeps: Keeps;
  next: Entry | null;
  previous: Entry | null;
}

export const KEEPS_NOTHING: Keeps = { held: [], waits: 0 };

/**
 * Makes a session an owner; false if the facts are none, or the entry has too many owners. The relieved ones stay in the
 * list, so that its length still distinguishes an `evict` that was judged before from one that was judged after.
 */
export function addOwner({ owners }: Entry, key: unknown, wire: unknown, relieves: boolean): boolean {
  const facts = fromWire(wire);
  if (!facts || !isLabel(key) || owners.length >= MAX_OWNERS) return false;
  if (relieves) for (const owner of owners) owner.relieved = true;
  owners.push({ key, facts, relieved: false });
  return true;
}

/** An entry as the next epoch's header has it: `[ticket, id, owners, ask, at, label, token, held, waits]`. */
export function entryToWire(entry: Entry): unknown[] {
  const owners = entry.owners.map(({ key, facts, relieved }) => [key, toWire(facts), ...(relieved ? [true] : [])]);
  const { held, waits } = entry.keeps;
  return [
    entry.ticket,
    entry.id,
    owners,
    entry.ask,
    entry.at,
    entry.label,
    entry.token,
    ...(held.length > 0 || waits > 0 ? [keptToWire(held), waits] : []),
  ];
}

/** Parses an entry, which is in no line yet; null if it is none. The line checks whether its ask fits. */
export function entryFromWire(wire: unknown): Entry | null {
  if (!Array.isArray(wire)) return null;
  const [ticket, id, owners, ask, at, label, token, held = [], waits = 0] = wire as unknown[];
  const restored = Array.isArray(owners) ? owners.map(ownerFromWire).filter((owner) => owner !== null) : [];
  if (restored.length === 0 || restored.length !== (owners as unknown[]).length) return null;
  if (!isCount(ticket) || typeof id !== 'string' || !isCount(ask) || !isCount(at) || !isLabel(label)) return null;
  const keeps = keepsFromWire(held, waits);
  if (!isCount(token) || !keeps) return null;
  const place = { holding: false, item: null, next: null, previous: null };
  return { ticket, id, owners: restored, ask, at, label, token, keeps, ...place };
}

function ownerFromWire(wire: unknown): Owner | null {
  const [key, facts, relieved] = Array.isArray(wire) ? (wire as unknown[]) : [];
  const known = fromWire(facts);
  return known && isLabel(key) ? { key, facts: known, relieved: relieved === true } : null;
}

/** `[[name, ticket], …]`. Truncated to `MAX_KEPT`. */
export function keptToWire(held: readonly Kept[]): unknown[] {
  return held.slice(0, MAX_KEPT).map(({ name, ticket }) => [name, ticket]);
}

/** Null if a record may not have it, or if it is too long. */
export function keepsFromWire(wire: unknown, waits: unknown): Keeps | null {
  if (!Array.isArray(wire) || wire.length > MAX_KEPT || !isCount(waits)) return null;
  const held = wire.flatMap((pair: unknown) => {
    const [name, ticket] = Array.isArray(pair) ? (pair as unknown[]) : [];
    return isLabel(name) && isCount(ticket) ? [{ name, ticket }] : [];
  });
  return held.length === wire.length ? { held, waits } : null;
}

/** Text of at most 200 UTF-16 units, as a record may have it. */
export function isLabel(value: unknown): value is string {
  return typeof value === 'string' && value.length <= MAX_LABEL;
}
