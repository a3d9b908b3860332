import type { Host, ProcessFacts } from '../host/host.ts';
import { type Owner, toWire, type WireFacts } from './facts.ts';

/**
 * The identity of one participating process, or thread, or copy of this package.
 *
 * Its facts distinguish it from every other process, also from a later one with the same pid; its key
 * is random, and names its file in the store.
 */
export class Session {
  readonly key: string;
  readonly facts: ProcessFacts;
  /** The facts as they stand in a record, and as JSON. */
  readonly wire: WireFacts;
  readonly factsJson: string;
  #records = 0;

  constructor(host: Host) {
    this.facts = host.processes.self();
    this.key = host.processes.nonce();
    this.wire = toWire(this.facts);
    this.factsJson = JSON.stringify(this.wire);
  }

  /** The number in the last id. */
  get records(): number {
    return this.#records;
  }

  /** An id that no record has had before. */
  nextId(): string {
    this.#records += 1;
    return `${this.key}:${this.#records}`;
  }
}

/** A session that stands for another process, one that does not use Lockstep; null if it is gone. */
export function ownerFor(host: Host, pid: number, key: string = host.processes.nonce()): Owner | null {
  const state = host.processes.state(pid, pid);
  if (state === 'gone' || (state !== 'unknown' && state.zombie)) return null;
  const start = state === 'unknown' ? 0 : state.start;
  return { key, facts: { ...host.processes.self(), pid, tid: pid, start }, relieved: false };
}

/** The parts from which the names of a session's files are made. */
export interface SessionId {
  readonly key: string;
  readonly facts: { readonly pid: number };
}

/** The name of a session's file in the store. */
export function sessionFile({ key, facts }: SessionId): string {
  return `${facts.pid}-${key}`;
}

/** The name of a session's lifeline, which its process holds. */
export function sessionLifeline(id: SessionId): string {
  return `${sessionFile(id)}.life`;
}

/** The name of the lifeline of a command that was made an owner: the command and its descendants hold it. */
export function commandLifeline(id: SessionId): string {
  return `${sessionFile(id)}.command`;
}

/** The name of a session's keepalive, as proper-lockfile makes it. */
export function sessionKeepalive(id: SessionId): string {
  return `${sessionFile(id)}.lock`;
}

/** The name of the record of what others saw of a session's keepalive. */
export function sessionSeen(id: SessionId): string {
  return `${sessionFile(id)}.seen`;
}

/** Whether a session can have a file: a key that a journal gives must not lead out of the directory. */
export function canHaveFile({ key }: Pick<SessionId, 'key'>): boolean {
  return !/[/\\\0]/.test(key);
}
