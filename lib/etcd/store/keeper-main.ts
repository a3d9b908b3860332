import net from 'node:net';
import { isMainThread, workerData } from 'node:worker_threads';
import { nodeHost } from '../../host/node-host.ts';
import { Credentials } from '../client/credentials.ts';
import { EtcdClient } from '../client/etcd-client.ts';
import type { LeaseKeeper } from '../client/lease-keeper.ts';
import { parseEtcdUrl } from '../client/url.ts';
import { CommandEnd } from './command-end.ts';
import { CommandGuard } from './command-guard.ts';
import { CommandKeeper } from './command-keeper.ts';
import { isThere } from './comparisons.ts';
import { EntryKeeper } from './entry-keeper.ts';
import {
  BEGUN,
  type EndOrder,
  type GuardOrder,
  type KeeperAnswer,
  type KeeperOrder,
  ORDER,
  OVER,
  REST,
  TASK,
} from './keeper-order.ts';
import { ownKeeperProgram } from './keeper-program.ts';
import { KeptEntry } from './kept-entry.ts';

/** The descriptor of the channel to the process that started this one. */
const CHANNEL = 3;

/**
 * The program of a keeper process. A guard gives it an order in its environment. Any other process gives it one by a channel, which
 * it answers; it goes on keeping when that is closed. As a thread it ends the session of its process.
 */
function main(): void {
  if (!isMainThread) {
    void endSession(workerData as EndOrder);
    return;
  }
  const { [ORDER]: order, [TASK]: task, [REST]: rest } = process.env;
  // The rest is counted from when the guard started us.
  const restMs = Number(rest) - performance.now();
  if (order === undefined) listen();
  else void serve({ order: JSON.parse(order), task: task as GuardOrder['task'], restMs });
}

async function serve(given: GuardOrder): Promise<void> {
  // The guard may be killed. It is no reason to end.
  process.stdout.on('error', () => undefined);
  await new CommandKeeper(nodeHost, given, (line) => process.stdout.write(`${line}\n`)).run();
  process.exit();
}

function listen(): void {
  const channel = new net.Socket({ fd: CHANNEL });
  let text = '';
  channel.on('error', () => undefined);
  channel.on('data', (chunk) => {
    text += chunk;
    if (text.endsWith('\n')) void obey(JSON.parse(text), channel);
  });
}

async function obey(order: KeeperOrder, channel: net.Socket): Promise<void> {
  const [keeper, answer] = await taken(order);
  const { lease = null } = keeper ?? {};
  const isKept = answer.is === 'kept' && keeper !== null && lease !== null;
  // While the owner lives. A program that ends it, with its descendants, may count this process among them.
  const command = isKept ? new CommandEnd(nodeHost, order) : null;
  process.on('SIGTERM', () => undefined);
  const kept = isKept ? await guarded(order, lease) : null;
  // The lease and the watch keep no process alive; a call that is under way at the end need not be waited for.
  channel.end(`${JSON.stringify(answer)}\n`, () => isKept || process.exit());
  if (!isKept) return;
  if ((await keeper.keep()) === 'lost') {
    kept?.become('lost');
    await command?.within({ endsInMs: keeper.restMs() });
  }
  kept?.become('left');
  await keeper.end();
}

/** Where the owner is to be ended with the entry, a guard sees to that if this process is killed. It starts this program. */
async function guarded(order: KeeperOrder, lease: LeaseKeeper): Promise<KeptEntry | null> {
  const program = ownKeeperProgram();
  if (order.command === null || program === null) return null;
  const kept = new KeptEntry(lease);
  try {
    await new CommandGuard({ own: kept, order, program, clock: nodeHost.clock }).start();
  } catch {
    // The system starts no more processes now. It is kept all the same.
  }
  return kept;
}

async function taken(order: KeeperOrder): Promise<[EntryKeeper | null, KeeperAnswer]> {
  try {
    const keeper = new EntryKeeper(nodeHost, order);
    return [keeper, await keeper.take()];
  } catch (error) {
    const { code, message } = error as { code?: unknown; message?: unknown };
    return [null, { is: 'failed', code: String(code), message: String(message) }];
  }
}

async function endSession({ place, user, lease, keys, timeoutMs, answered }: EndOrder): Promise<void> {
  report(answered, BEGUN);
  const credentials = user && new Credentials(user.name, user.password);
  const client = new EtcdClient(parseEtcdUrl(place), { credentials });
  const deletions = keys.map((one) =>
    client.txn({ compare: [isThere(one)], success: [{ deleteRange: { key: one.key } }] }, { timeoutMs }),
  );
  const ends = lease === null ? deletions : [client.revoke(BigInt(lease), { timeoutMs })];
  await Promise.allSettled(ends);
  report(answered, OVER);
  client.close();
}

function report(answered: Int32Array, how: number): void {
  Atomics.store(answered, 0, how);
  Atomics.notify(answered, 0);
}

main();
