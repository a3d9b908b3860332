import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import type { KeeperAnswer, KeeperOrder } from './keeper-order.ts';
import type { KeeperProgram } from './keeper-program.ts';

const CHANNEL = 3;

/**
 * Starts a process that keeps an entry, and resolves to its answer. It lives on by itself, in a session of its own and without
 * this process's streams.
 *
 * @throws the system's error if it cannot be started
 */
export async function startKeeper(order: KeeperOrder, program: KeeperProgram | null): Promise<KeeperAnswer> {
  if (program === null) throw new Error('the program keeper-main.js is missing: build Lockstep');
  const child = start(program);
  const channel = child.stdio[CHANNEL] as Duplex;
  let text = '';
  channel.on('data', (chunk) => {
    text += chunk;
  });
  channel.write(`${JSON.stringify(order)}\n`);
  // A keeper that cannot be started, or dies, closes the channel, too.
  await Promise.race([once(channel, 'end'), once(child, 'exit')]);
  child.unref();
  channel.destroy();
  if (text.endsWith('\n')) return JSON.parse(text);
  return { is: 'failed', code: 'STORE_UNSUPPORTED', message: 'the process that was to keep the entry has ended' };
}

function start({ file, input }: KeeperProgram): ChildProcess {
  // Electron's own program is Node only if it is asked to be.
  const asNode = 'electron' in process.versions ? { ELECTRON_RUN_AS_NODE: '1' } : {};
  const child = spawn(process.execPath, [file], {
    stdio: [input === null ? 'ignore' : 'pipe', 'ignore', 'ignore', 'pipe'],
    detached: true,
    env: { ...process.env, ...asNode },
  });
  child.stdio[CHANNEL]?.on('error', () => undefined);
  child.stdin?.on('error', () => undefined);
  child.stdin?.end(input);
  return child;
}
