import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { isAlive, type Program, Rig, until } from '../support/cli-rig.ts';
import { HAS_ETCD } from '../support/etcd.ts';
import { EtcdStoreRig } from '../support/etcd-store-rig.ts';
import { processesWith } from '../support/processes-with.ts';

/** As in the rig's URL. */
const TTL_MS = 10_000;
/** Others may be in already: the process gets half a second after SIGTERM. */
const AT_ONCE_MS = 5_000;

const etcd = new EtcdStoreRig();
let rig: Rig;
beforeAll(() => etcd.start(), 90_000);
afterAll(() => etcd.stop());
beforeEach(() => {
  etcd.begin();
  rig = new Rig();
  // By which its processes are found, those of programs too.
  process.env.LOCKSTEP_DIR = rig.storePath;
});
afterEach(async () => {
  await rig.end();
  await etcd.end();
});

const env = () => ({ LOCKSTEP_STORE: etcd.url() });

/** A script that acquires `a` for itself, and its child, which takes SIGTERM for nothing. */
async function script(more = 'wait'): Promise<{ shell: Program; pids: number[]; token: number }> {
  const shell = rig.script(
    `token=$(lockstep acquire a --pid $$) || exit
    sh -c 'trap "" TERM; while :; do sleep 0.05; done' & echo "in $token $$ $!"
    ${more}`,
    { env: env() },
  );
  const [token = 0, ...pids] = (await shell.says(/^in (\d+) (\d+) (\d+)/m)).slice(1).map(Number);
  return { shell, pids: pids.map((pid) => rig.stray(pid)), token };
}

/** A program that has acquired `a`, and made another process an owner, which knows nothing of Lockstep. */
async function adopter(handOver: boolean) {
  const adopted = rig.start('sleep', ['1000']);
  const program = etcd.program(`
    const lease = await new Lock('a', { store }).acquire();
    console.log(await lease.${handOver ? 'handOver' : 'adopt'}(${adopted.pid}));
    await order();
    await lease.release().catch(() => undefined);
    console.log('released');
    await order();`);
  expect(await program.line()).toBe('true');
  return { program, adopted };
}

const lockstep = (...args: string[]) => rig.lockstep(args, { env: env(), input: '' }).ended;

/** The keeper processes of this test. */
const keepers = () =>
  processesWith((words) => words.endsWith('keeper-main.js\0') && !words.includes('SIG{'), rig.directory);

describe.skipIf(!HAS_ETCD)('a process for which a lock on etcd was acquired', { timeout: 60_000 }, () => {
  test('is ended with all that it started before its lease is over, when no server answers; also one that adopted a lease, or got one handed over', async () => {
    const { pids } = await script();
    const others: Array<{ adopted: Program }> = [];
    etcd.begin();
    others.push(await adopter(false));
    etcd.begin();
    others.push(await adopter(true));
    const began = performance.now();
    etcd.server.signal('SIGSTOP');
    try {
      await until('all are ended', () => ![...pids, ...others.map(({ adopted }) => adopted.pid)].some(isAlive));
      const tookMs = performance.now() - began;
      expect(tookMs).toBeLessThan(TTL_MS);
      // Not before it could be lost.
      expect(tookMs).toBeGreaterThan(TTL_MS / 2);
    } finally {
      etcd.server.signal('SIGCONT');
    }
  });

  test('is ended when its lock was broken, since its successor is in', async () => {
    const { shell, pids } = await script();
    const began = performance.now();
    expect((await lockstep('break', 'a')).status).toBe(0);
    expect((await shell.ended).status).toBe('SIGTERM');
    await until('all are ended', () => !pids.some(isAlive));
    expect(performance.now() - began).toBeLessThan(AT_ONCE_MS);
    await until('no keeper is left', () => keepers().length === 0);
  });

  test('goes on when it has released it, or another one has with its token', async () => {
    const one = await script('lockstep release a --pid $$ && echo released; wait');
    await one.shell.says('released');
    const other = await script();
    expect((await lockstep('release', 'a', '--token', String(other.token))).status).toBe(0);
    await until('no keeper is left', () => keepers().length === 0);
    expect([...one.pids, ...other.pids].every(isAlive)).toBe(true);
  });

  test('has its lock kept, and is ended with it, also when the keeper is killed', async () => {
    const { pids } = await script();
    const [keeper = 0] = keepers();
    process.kill(keeper, 'SIGKILL');
    await until('there is another keeper', () => keepers().some((pid) => pid !== keeper));
    const store = etcd.store();
    const owner = async () => (await store.snapshot('a'))?.entries[0]?.owners.at(-1)?.pid;
    // For longer than the lease of the keeper that was killed.
    await new Promise((resolve) => setTimeout(resolve, 1.2 * TTL_MS));
    expect(await owner()).toBe(pids[0]);
    expect((await lockstep('break', 'a')).status).toBe(0);
    await until('all are ended', () => !pids.some(isAlive));
  });

  test('goes on when the program whose lease it has adopted releases it', async () => {
    const { program, adopted } = await adopter(false);
    program.order('release');
    expect(await program.line()).toBe('released');
    await until('no keeper is left', () => keepers().length === 0);
    expect(isAlive(adopted.pid)).toBe(true);
  });
});
