import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { IS_LIVING, isAlive, type Program, Rig, until } from '../support/cli-rig.ts';
import { EtcdCluster, HAS_ETCD } from '../support/etcd.ts';
import { processesWith } from '../support/processes-with.ts';

/** The shortest that there is. */
const TTL_MS = 10_000;
/** Prints its pid and that of its child, and takes SIGTERM for nothing, as its child does. */
const DEAF = `trap '' TERM; sh -c 'trap "" TERM; while :; do sleep 0.05; done' & echo "in $$ $!"; wait`;
const LIVELY = `sleep 1000 & echo "in $$ $!"; wait`;

let rig: Rig;
let cluster: EtcdCluster;
beforeEach(async () => {
  rig = new Rig();
  cluster = await EtcdCluster.start();
}, 90_000);
afterEach(async () => {
  await rig.end();
  await cluster.stop();
});

function env() {
  return { LOCKSTEP_STORE: `etcd://${cluster.members[0]?.endpoint}/t?ttl=10s` };
}

interface Begun {
  wrapper: Program;
  /** The command, and its child. */
  pids: number[];
}

async function begun(script: string, ...options: string[]): Promise<Begun> {
  const wrapper = rig.lockstep(['run', 'a', ...options, '--', 'sh', '-c', script], { env: env() });
  const pids = (await wrapper.says(/^in (\d+) (\d+)/m)).slice(1).map((pid) => rig.stray(Number(pid)));
  return { wrapper, pids };
}

/** Resolves to when all of them had ended. */
async function endOf(pids: readonly number[]): Promise<number> {
  await until('the command ends', () => !pids.some(isAlive));
  return performance.now();
}

/** The processes of this test's store whose command lines are meant. */
const ofStore = (isMeant: (words: string) => boolean) => processesWith(isMeant, cluster.members[0]?.endpoint ?? '');

const isGuard = (words: string) => words.includes('LOCKSTEP_KEEPER_TASK');
const guards = () => ofStore(isGuard);
const keepers = () => ofStore((words) => words.endsWith('keeper-main.js\0') && !isGuard(words));

async function keeperOf(): Promise<number> {
  await until('there is a keeper', () => keepers().length > 0);
  return keepers()[0] ?? 0;
}

const stopServer = () => cluster.members[0]?.signal('SIGSTOP');

describe.skipIf(!HAS_ETCD)('run on etcd', () => {
  test('ends the command and all that it started before the lease is over, when no server answers, and exits 75', async () => {
    const { wrapper, pids } = await begun(DEAF);
    const began = performance.now();
    stopServer();
    expect((await endOf(pids)) - began).toBeLessThan(TTL_MS);
    const { status, stderr } = await wrapper.ended;
    expect(performance.now() - began).toBeLessThan(TTL_MS + 500);
    expect(status).toBe(75);
    expect(stderr).toMatch(
      /^lockstep: a: the lease with token \d+ is lost: the lease of its session could not be kept alive/,
    );
    expect(stderr).toContain('lockstep: run: ending the command: others get the lock now, or soon\n');
  });

  test('goes on when the servers were away for a part of the time only', async () => {
    const { wrapper, pids } = await begun(LIVELY);
    stopServer();
    await new Promise((resolve) => setTimeout(resolve, TTL_MS / 2));
    cluster.members[0]?.signal('SIGCONT');
    await new Promise((resolve) => setTimeout(resolve, TTL_MS));
    expect(pids.every(isAlive)).toBe(true);
    expect(wrapper.running).toBe(true);
  });

  test('ends the command whose lock was broken, since its successor is in', async () => {
    const { wrapper, pids } = await begun(LIVELY);
    expect((await rig.lockstep(['break', 'a'], { env: env(), input: '' }).ended).status).toBe(0);
    const { status, stderr } = await wrapper.ended;
    expect(status).toBe(75);
    expect(stderr).toContain('is lost: broken by force');
    expect(pids.some(isAlive)).toBe(false);
  });

  test('has the command end before the lease, if the wrapper is killed and no server answers', async () => {
    const { wrapper, pids } = await begun(DEAF);
    const began = performance.now();
    stopServer();
    wrapper.kill('SIGKILL');
    await wrapper.exited();
    expect(pids.every(isAlive)).toBe(true);
    expect((await endOf(pids)) - began).toBeLessThan(TTL_MS);
  });

  test('lets nobody in while the command of a killed wrapper lives, also when its keeper is killed; then at once', async () => {
    const { wrapper, pids } = await begun(LIVELY);
    wrapper.kill('SIGKILL');
    await wrapper.exited();
    const keeper = await keeperOf();
    process.kill(keeper, 'SIGKILL');
    await until('there is another keeper', async () => (await keeperOf()) !== keeper);
    const successor = rig.lockstep(['run', 'a', '--', 'sh', '-c', 'echo got it'], { env: env() });
    await new Promise((resolve) => setTimeout(resolve, 1.5 * TTL_MS));
    expect(successor.stdout).toBe('');
    expect(pids.every(isAlive)).toBe(true);
    for (const pid of pids) process.kill(pid, 'SIGKILL');
    await successor.says('got it');
    await until('no keeper is left', async () => keepers().length === 0);
  }, 60_000);

  test('has the command of a stopped wrapper ended before a successor gets in', async () => {
    const { wrapper, pids } = await begun(LIVELY);
    wrapper.kill('SIGSTOP');
    // A zombie does nothing any more: its parent is the stopped wrapper.
    const look = `${IS_LIVING}; for pid in ${pids.join(' ')}; do is_living $pid && echo alive $pid; done; echo got it`;
    const successor = rig.lockstep(['run', 'a', '--', 'sh', '-c', look], { env: env() });
    await successor.says('got it');
    expect(successor.stdout).toBe('got it\n');
    wrapper.kill('SIGCONT');
    expect((await wrapper.ended).status).toBe(75);
  });

  test('refuses --no-fork, before anything is locked: nobody would be left to keep the lease', async () => {
    const wrapper = rig.lockstep(['run', 'a', '--no-fork', '--', 'true'], { env: env() });
    expect(await wrapper.ended).toMatchObject({
      status: 64,
      stderr: expect.stringMatching(/--no-fork needs a store on disk: on etcd:\S+ a process must keep the lock alive/),
    });
    expect(cluster.members[0]?.control('get', '--prefix', 't/a/')).toBe('');
  });

  test('leaves no process behind, and what the command left running goes on', async () => {
    const wrapper = rig.lockstep(['run', 'a', '--', 'sh', '-c', 'sleep 1000 & echo in $!'], { env: env() });
    const left = rig.stray(Number((await wrapper.says(/in (\d+)/))[1]));
    await wrapper.exited();
    await until('the guard ends', () => guards().length === 0);
    expect(keepers()).toEqual([]);
    expect(isAlive(left)).toBe(true);
  });
});
