import { openStore } from 'lockstep';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type Result, Rig, until } from '../../../support/cli-rig.ts';
import { EtcdCluster, freePorts, HAS_ETCD } from '../../../support/etcd.ts';

let cluster: EtcdCluster;
let rig: Rig;
let prefixes = 0;
beforeAll(async () => {
  // Its database is full after a little.
  cluster = await EtcdCluster.start(1, { args: ['--quota-backend-bytes=4000000'] });
}, 90_000);
afterAll(() => cluster.stop());
beforeEach(() => {
  rig = new Rig();
  prefixes += 1;
});
afterEach(() => rig.end());

const endpoint = () => cluster.members[0]?.endpoint ?? '';
const control = (...words: string[]) => cluster.members[0]?.control(...words) ?? '';
const place = () => `etcd://${endpoint()}/p${prefixes}`;
const doctor = (...options: string[]) =>
  rig.lockstep(['doctor', ...options], { env: { LOCKSTEP_STORE: place() }, input: '' }).ended;
/** The first report in which no server took long to answer, as on a busy machine it may. */
async function promptly(report: () => Promise<Result>): Promise<Result> {
  let result: Result | undefined;
  await until('the server answers in time', async () => {
    result = await report();
    return !result.stdout.includes(' to answer');
  });
  return result as Result;
}
const run = (...words: string[]) => rig.lockstep(words, { env: { LOCKSTEP_STORE: place() }, input: '' }).ended;

describe.skipIf(!HAS_ETCD)('doctor of a store on etcd', () => {
  test('names each server, its version, the leader, the database, and how the store is reached', async () => {
    await run('run', 'a', '--', 'true');
    const { status, stdout, stderr } = await promptly(doctor);
    expect([status, stderr]).toEqual([0, '']);
    expect(stdout).toContain(`ok       ${endpoint()} is etcd 3.`);
    expect(stdout).toContain(', the leader, and answered within ');
    expect(stdout).toMatch(/ok {7}the database of \S+ has \d\.\d MB, of which/);
    expect(stdout).toContain('ok       no user is given: everybody who reaches the servers may do the same\n');
    expect(stdout).toContain('ok       an entry stays for 15s after its machine was last heard of (ttl)\n');
    expect(stdout).toMatch(/0 entries in 1 line: every line moves[\s\S]*All is well\.\n$/);
  });

  test('reports a server that does not answer: a warning if another one does, else a problem', async () => {
    const [port] = await freePorts(1);
    const one = await doctor('--dir', `etcd://${endpoint()},127.0.0.1:${port}/p`);
    expect(one.status).toBe(0);
    expect(one.stdout).toContain(`warning  127.0.0.1:${port} does not answer: etcd status: no member could do it`);
    const none = await doctor('--json', '--dir', `etcd://127.0.0.1:${port}/p`);
    expect(none.status).toBe(1);
    expect(JSON.parse(none.stdout)).toMatchObject({
      chosenBy: '--dir',
      well: false,
      findings: expect.arrayContaining([expect.objectContaining({ check: 'servers', level: 'problem' })]),
    });
  });

  test('finds what no lease ends, and removes leftovers with --fix', async () => {
    await run('run', 'a', '--', 'true');
    control('put', `p${prefixes}/a/why/17`, '{}');
    expect((await doctor()).stdout).toContain('note     1 leftover key');
    expect((await doctor('--fix')).stdout).toContain('removed 1 leftover key');
    expect(control('get', '--prefix', `p${prefixes}/a/why`)).toBe('');
    control('put', `p${prefixes}/a/line/17`, '');
    const { status, stdout } = await doctor();
    expect(status).toBe(1);
    expect(stdout).toContain(`problem  1 entry that no lease ends\n         p${prefixes}/a/line/17\n`);
  });

  test('reports the entry of a dead process', async () => {
    const holder = rig.lockstep(['acquire', 'a', '--pid', String(rig.start('sleep', ['1000']).pid)], {
      env: { LOCKSTEP_STORE: place() },
      input: '',
    });
    expect((await holder.ended).status).toBe(0);
    expect((await doctor()).stdout).toContain('1 entry in 1 line: every line moves');
  });

  test('--new-base lets tokens grow after a restore, and is refused while somebody is in line', async () => {
    const store = openStore(place());
    const token = async () => Number((await run('run', 'a', '--', 'sh', '-c', 'echo $LOCKSTEP_TOKEN')).stdout);
    const before = await token();
    // As if the servers had lost their later revisions.
    control('put', `p${prefixes}/base`, String(before - 1_000_000_000));
    expect(await token()).toBeLessThan(before);
    const entry = await store.join('b', { kind: 'lock', permits: 1 }, { ask: 1, label: '', onlyIfGranted: false });
    const refused = await doctor('--new-base');
    expect([refused.status, refused.stderr]).toEqual([
      1,
      'lockstep: --new-base: b is in use. End all programs that use the store, or: lockstep break NAME\n',
    ]);
    await store.leave(entry);
    await store.close();
    const { status, stderr } = await doctor('--new-base');
    expect([status, stderr]).toEqual([0, expect.stringContaining('tokens begin anew, above ')]);
    expect(await token()).toBeGreaterThan(before);
    expect((await rig.run('doctor', '--new-base')).status).toBe(64);
  });

  test('reports a database that is full, and what to do', async () => {
    await until('it is full', () => {
      try {
        control('put', 'large', 'x'.repeat(100_000));
        return false;
      } catch {
        return true;
      }
    });
    const { status, stdout } = await doctor();
    expect(status).toBe(1);
    expect(stdout).toMatch(/problem {2}\S+ reports: .*NOSPACE[\s\S]*etcdctl compact/);
  });
});
