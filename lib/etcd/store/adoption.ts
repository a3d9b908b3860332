import { StoreError } from '../../errors.ts';
import { statOf } from '../../host/process-table.ts';
import { toWire } from '../../session/facts.ts';
import { ownerFor } from '../../session/session.ts';
import type { AdoptOptions, CommandTraits } from '../../store/store.ts';
import { CommandGuard } from './command-guard.ts';
import type { EtcdEntry } from './etcd-entry.ts';
import type { EtcdResource } from './etcd-resource.ts';
import type { KeeperAnswer, KeeperOrder } from './keeper-order.ts';
import { startKeeper } from './keeper-process.ts';
import { type KeeperProgram, keeperProgram } from './keeper-program.ts';
import { withOwner } from './owners.ts';

/**
 * How other processes become owners of our entries. A pid keeps no lease.
 *
 * - A command of ours is kept by our own lease, as long as we live; a small guard waits beside it for the case that we are killed.
 * - For any other process, or one that is to be the only owner, a keeper is started, which keeps the entry under a lease of its own
 *   until its owners are gone. It has a guard, too.
 *
 * Either way the process is ended when the entry is lost: it does not know of the lease.
 */
export class Adoption {
  readonly #resource: EtcdResource;
  readonly #program: KeeperProgram | null;

  constructor(resource: EtcdResource, keeperFile: string | undefined) {
    this.#resource = resource;
    this.#program = keeperProgram(keeperFile);
  }

  /** Makes a process an owner of an entry of ours. False if it is not running. */
  async adopt(own: EtcdEntry, pid: number, { handOver, command }: AdoptOptions): Promise<boolean> {
    const { ledger, parts, name } = this.#resource;
    const { joined } = own;
    const isCommand = command !== undefined && !handOver && this.#program !== null;
    // The line of a command that we start now was read a moment ago.
    const line = isCommand ? await ledger.known() : await ledger.read();
    const owner = line.made === joined?.made ? ownerFor(parts.host, pid) : null;
    if (!owner || !joined) return false;
    const { entry, id } = joined;
    const facts = toWire(owner.facts);
    const order = { place: parts.place, name, key: entry.key, id, owner: [owner.key, facts], handOver } as const;
    if (isCommand) await this.#guard(own, { ...order, command, isShared: false }, this.#program);
    else if (line.find(entry.key, id))
      await this.#keep(own, { ...order, command: command ?? traitsOf(pid), isShared: !handOver });
    return true;
  }

  /** While the change is on its way the guard is started: the command begins only after both. */
  async #guard(own: EtcdEntry, order: KeeperOrder, program: KeeperProgram): Promise<void> {
    own.isShared = true;
    const { parts } = this.#resource;
    const writing = this.#resource.rewrite(own, (record) => withOwner(record, order) ?? this.#full());
    // It is also thrown where it is awaited.
    writing.catch(() => undefined);
    await new Promise((resolve) => setImmediate(resolve));
    try {
      await new CommandGuard({ own, order, program, clock: parts.host.clock }).start();
    } catch (cause) {
      throw this.#error('STORE_UNSUPPORTED', 'the process that was to guard the command cannot be started', cause);
    }
    await writing;
  }

  async #keep(own: EtcdEntry, order: KeeperOrder): Promise<void> {
    const { own: entries, ledger } = this.#resource;
    this.#check(await this.#start(order));
    own.isShared = true;
    await ledger.read();
    if (own.state === 'holding' && order.handOver) entries.drop(own, 'handed over');
  }

  async #start(order: KeeperOrder): Promise<KeeperAnswer> {
    try {
      return await startKeeper(order, this.#program);
    } catch (cause) {
      throw this.#error('STORE_UNSUPPORTED', `the process that was to keep the entry cannot be started`, cause);
    }
  }

  #check(answer: KeeperAnswer): void {
    if (answer.is === 'failed') throw this.#error(answer.code, answer.message.replace(/\.$/, ''));
    if (answer.is === 'full') this.#full();
  }

  #full(): never {
    throw this.#error('STORE_BUSY', 'this entry has too many owners. Let one process own it, and start the others');
  }

  #error(code: string, message: string, cause?: unknown): StoreError {
    const { name, parts } = this.#resource;
    return new StoreError(code, `${name}: ${message}. The process was not adopted.`, {
      operation: 'adopt',
      resource: name,
      path: parts.place,
      ...(cause === undefined ? {} : { cause }),
    });
  }
}

/** How a process that is no child of ours is found again. Null: it is this one, which knows by itself what it handed to itself. */
function traitsOf(pid: number): CommandTraits | null {
  if (pid === process.pid) return null;
  return { leadsGroup: statOf(pid, pid)?.group === pid };
}
