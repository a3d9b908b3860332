import type { ProcessFacts } from '../host/host.ts';
import { isCount } from '../journal/record.ts';

/** A session that keeps an entry alive. An entry is stale when all its owners are gone. */
export interface Owner {
  key: string;
  facts: ProcessFacts;
  /** It handed the entry over to the owners behind it: whether it lives no longer matters. */
  relieved: boolean;
}

/** `[pid, tid, start, boot, namespace, host, time]`: a session's facts on the wire. Its key stands apart. */
export type WireFacts = readonly [number, number, number, string, number, string, number?];

export function toWire(facts: ProcessFacts): WireFacts {
  const { pid, tid, start, boot, namespace, host, time } = facts;
  return time === undefined ? [pid, tid, start, boot, namespace, host] : [pid, tid, start, boot, namespace, host, time];
}

// A session's own facts are the same array in every record that it writes.
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
  const [pid, tid, start, boot, namespace, host, time] = wire as unknown[];
  if (!isPid(pid) || !isPid(tid) || !isCount(start) || !isCount(namespace)) return null;
  if (typeof boot !== 'string' || typeof host !== 'string') return null;
  return isCount(time) ? { pid, tid, start, boot, namespace, host, time } : { pid, tid, start, boot, namespace, host };
}

/** A number that no system gives as a pid could not be judged, and its owner would count as alive for ever. */
function isPid(value: unknown): value is number {
  return isCount(value) && value >= 1 && value <= 2 ** 31 - 1;
}
