import type { ProcessFacts } from './host.ts';

/**
 * The records of a journal, as they stand in the file: one JSON array each. `id` is
 * `<session key>:<number>`, never used twice, by which a writer knows its own record when it comes by.
 */
export type JournalRecord = readonly [verb: string, id: string, ...rest: unknown[]];

/** `[pid, tid, start, boot, namespace, host]`: a session's facts on the wire. Its key stands apart. */
export type WireFacts = readonly [number, number, number, string, number, string];

export function toWire(facts: ProcessFacts): WireFacts {
  return [facts.pid, facts.tid, facts.start, facts.boot, facts.namespace, facts.host];
}

// One's own facts are the same array in every record that one writes.
let lastWire: unknown;
let lastFacts: ProcessFacts | null = null;

/** The facts that were on the wire, or null if they are none. Not to be changed. */
export function fromWire(wire: unknown): ProcessFacts | null {
  if (wire !== lastWire || lastFacts === null) {
    lastFacts = parseFacts(wire);
    lastWire = wire;
  }
  return lastFacts;
}

function parseFacts(wire: unknown): ProcessFacts | null {
  if (!Array.isArray(wire) || wire.length < 6) return null;
  const [pid, tid, start, boot, namespace, host] = wire as unknown[];
  if (!isPid(pid) || !isPid(tid) || !isCount(start) || !isCount(namespace)) return null;
  if (typeof boot !== 'string' || typeof host !== 'string') return null;
  return { pid, tid, start, boot, namespace, host };
}

/** What no system gives as a pid could not be asked about, and its owner would count as alive forever. */
function isPid(value: unknown): value is number {
  return isCount(value) && value >= 1 && value <= 2 ** 31 - 1;
}

/** A whole number from 0 up that arithmetic keeps exact. */
export function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

/** The session key in a record's id: what stands before the first colon; without one, all of it. */
export function keyOf(id: string): string {
  const end = id.indexOf(':');
  return end === -1 ? id : id.slice(0, end);
}
