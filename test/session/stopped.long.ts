import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { DiskStore } from '../../lib/disk/disk-store.ts';
import { openStoreDirectory } from '../../lib/disk/store-directory.ts';
import { nodeHost } from '../../lib/host/node-host.ts';
import { Lock, LockTimeoutError } from '../../lib/index.ts';
import { Session } from '../../lib/session/session.ts';
import { type AgentProcess, childOf, Rig, until } from '../support/process-rig.ts';

const CONTAINER = ['unshare', '--pid', '--mount', '--fork', '--mount-proc', '--kill-child'];
const permitted = spawnSync('unshare', [...CONTAINER.slice(1), 'true']).status === 0;

const PLACES: ReadonlyArray<[where: string, through: string[]]> = [
  ['in this pid namespace', []],
  // Where `unshare` is not permitted no other namespace can be made.
  ...(permitted ? [['in another pid namespace', CONTAINER] as [string, string[]]] : []),
];
const PATIENCE_MS = 3_000;
const GUARDED = { guarded: true, heartbeatMs: 200, patienceMs: PATIENCE_MS };

const resource = { name: 'deploy' };
let rig: Rig;

afterEach(() => rig.stop());

function signal(agent: AgentProcess, through: readonly string[], name: NodeJS.Signals): void {
  process.kill(through.length === 0 ? agent.pid : childOf(agent.child.pid), name);
}

/** A waiter looks for so long, and does not get the lock. */
async function isRefusedFor(waiter: AgentProcess, timeout: number): Promise<void> {
  const answer = await waiter.ask({ do: 'acquire', resource, as: 'lease', timeout });
  expect(answer).toMatchObject({ is: 'failed', code: 'LOCK_TIMEOUT' });
}

async function keepsItsLock(through: readonly string[], stoppedMs: number): Promise<void> {
  const [holder, waiter] = await Promise.all([rig.start(through), rig.start()]);
  await holder.acquire(resource);
  signal(holder, through, 'SIGSTOP');
  await isRefusedFor(waiter, stoppedMs);
  signal(holder, through, 'SIGCONT');
  expect(await holder.ask({ do: 'assertHeld', as: 'lease' })).toEqual({ is: 'held' });
  const granted = waiter.acquire(resource);
  await holder.release();
  await granted;
}

// Longer than any keepalive was ever waited for on one machine.
test.each(PLACES)('a holder %s that is stopped for 40 s keeps its lock', async (_, through) => {
  rig = new Rig();
  await keepsItsLock(through, 40_000);
});

describe('in a guarded store', () => {
  test.each(PLACES)(
    'a holder %s of this machine that is stopped for twice the patience keeps its lock',
    async (_, through) => {
      rig = new Rig(GUARDED);
      await keepsItsLock(through, 2 * PATIENCE_MS);
    },
  );

  test('a holder of another machine that is stopped keeps its lock for as long as the patience lasts; then it loses it, and learns that', async () => {
    rig = new Rig(GUARDED);
    const holder = await rig.start();
    await holder.acquire(resource);
    const sessions = path.join(rig.directory, 'sessions');
    const find = (end: string) => {
      const names = fs.readdirSync(sessions);
      return path.join(sessions, names.find((name) => name.startsWith(`${holder.pid}-`) && name.endsWith(end)) ?? '');
    };
    await until('it has a keepalive', () => find('.lock') !== sessions);
    // The server shows its FIFO to every machine, and on no other one does a process hold it.
    const lifeline = find('.life');
    fs.unlinkSync(lifeline);
    execFileSync('mkfifo', [lifeline]);
    const refreshed = () => fs.statSync(find('.lock')).mtimeMs;
    const waiter = new Lock('deploy', { store: onAnotherMachine(rig.directory) });

    signal(holder, [], 'SIGSTOP');
    await expect(waiter.acquire({ timeout: PATIENCE_MS / 2 })).rejects.toThrow(LockTimeoutError);
    const before = refreshed();
    signal(holder, [], 'SIGCONT');
    await until('it goes on', () => refreshed() !== before);
    expect(await holder.ask({ do: 'assertHeld', as: 'lease' })).toEqual({ is: 'held' });

    signal(holder, [], 'SIGSTOP');
    await using lease = await waiter.acquire();
    signal(holder, [], 'SIGCONT');
    expect(await holder.ask({ do: 'assertHeld', as: 'lease' })).toMatchObject({ is: 'failed', code: 'LEASE_LOST' });
    await lease.assertHeld();
  });
});

/** The store as a machine of its own sees it, on a network file system: pids and lifelines say nothing there. */
function onAnotherMachine(place: string): DiskStore {
  const processes = { ...nodeHost.processes, self: () => ({ ...nodeHost.processes.self(), boot: 'another' }) };
  const host = { ...nodeHost, processes };
  const { path: store, directoryMode, fileMode, guarded } = openStoreDirectory(host, place, { guarded: true });
  const directory = { path: store, directoryMode, fileMode, guarded, local: false, remake() {} };
  return new DiskStore({ host, session: new Session(host), directory, patienceMs: PATIENCE_MS, heartbeatMs: 0 });
}
