import type { Host } from '../../host/host.ts';
import { weightOf } from '../../line/weight.ts';
import type { Owner } from '../../session/facts.ts';
import { whyGone } from '../../session/liveness.ts';
import type { Session } from '../../session/session.ts';
import type { EtcdLine, LineEntry } from './etcd-line.ts';

/** An entry whose owners are all gone, and why. */
export interface Dead {
  readonly entry: LineEntry;
  readonly reason: string;
}

/**
 * Finds the entries whose owners are gone for good: processes of this kernel and pid namespace, of which it knows that. It
 * fails closed: of all others the lease decides.
 */
export class DeadEntries {
  readonly #host: Host;
  readonly #session: Session;

  constructor(host: Host, session: Session) {
    this.#host = host;
    this.#session = session;
  }

  /** Why an owner is gone, or null while it must be taken for alive. `since`: when its entry joined, in µs. */
  whyDead(owner: Owner, since: number): string | null {
    if (owner.relieved) return 'it handed the entry over';
    if (owner.key === this.#session.key) return null;
    return whyGone(this.#host.processes, owner.facts, { local: false, since }) ?? null;
  }

  /** Null if the entry must be taken for alive; always of our own, which we end ourselves. */
  dead(entry: LineEntry): Dead | null {
    const { record } = entry;
    const first = record?.owners[0];
    if (!record || (first?.key === this.#session.key && !first.relieved)) return null;
    const reasons = record.owners.map((owner) => this.whyDead(owner, record.at));
    const last = reasons.at(-1);
    return reasons.includes(null) || !last ? null : { entry, reason: last };
  }

  among(entries: readonly LineEntry[]): Dead[] {
    return entries.flatMap((entry) => this.dead(entry) ?? []);
  }

  /**
   * All the dead without whom an entry with this ask would hold at once. Ends with the first living entry that leaves it no room,
   * so a busy lock takes one judgement, however long its line is.
   */
  inWayOf(line: EtcdLine, ask: number): Dead[] {
    // In a queue any of the dead may have what the newcomer would take.
    if (line.queue) return this.among(line.entries);
    const found: Dead[] = [];
    let room = weightOf(line.state?.permits ?? 1) - weightOf(ask);
    for (const entry of line.entries) {
      const dead = this.dead(entry);
      if (dead) found.push(dead);
      else room -= weightOf(entry.ask);
      if (room < 0) break;
    }
    return found;
  }

  get signature(): string {
    const { pid, host } = this.#session.facts;
    return `pid ${pid} on ${host}`;
  }
}
