import fs from 'node:fs';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { MAIN, until } from '../../support/cli-rig.ts';
import { CONTAINER, mayContain } from '../../support/container.ts';
import { HAS_ETCD } from '../../support/etcd.ts';
import { type MachineRig, MachinesRig } from '../../support/machine-rig.ts';

const rig = new MachinesRig();

async function resultsOn(machine: MachineRig, name = 'n'): Promise<string[]> {
  const { stdout } = await machine.run('history', name, '--json');
  return JSON.parse(stdout).map(({ result }: { result: string }) => result);
}

describe.skipIf(!HAS_ETCD)('two machines that share a store on etcd', { timeout: 120_000 }, () => {
  beforeAll(() => rig.start(), 120_000);
  afterEach(() => rig.end());
  afterAll(() => rig.stop());

  test('a run on one is seen on the other: while it runs, and how it ended', async () => {
    const [one, other] = rig.machines();
    const gate = one.gate('gate');
    const run = one.worker('gate', 'n');
    await run.says('in ');
    expect((await other.run('jobs')).stdout).toMatch(/^n .*running/m);
    gate.open();
    await run.ended;
    expect((await other.run('jobs')).stdout).toMatch(/^n .*succeeded.* ok/m);
    await one.job('n', '--', 'sh', '-c', 'echo broken; exit 3');
    const { stdout } = await other.run('history', 'n', '--output');
    expect(stdout).toMatch(/succeeded.*failed +3.*broken/s);
    expect((await other.run('jobs', '--check')).status).toBe(1);
  });

  test('a job that ran on one is not due on the other', async () => {
    const [one, other] = rig.machines();
    await one.job('daily', '--every', '24h', '--', 'true');
    expect(await other.job('daily', '-v', '--every', '24h', '--', 'echo', 'again')).toMatchObject({
      status: 0,
      stdout: '',
      stderr: expect.stringMatching(/not due: the last success began/),
    });
    expect(await resultsOn(one, 'daily')).toEqual(['succeeded', 'not-due']);
  });

  test('skips are counted across machines', async () => {
    const [one, other] = rig.machines();
    one.gate('gate');
    await one.worker('gate', 'n').says('in ');
    await one.job('n', '--', 'true');
    await other.job('n', '--', 'true');
    const [job] = JSON.parse((await one.run('jobs', '--json')).stdout);
    expect(job).toMatchObject({ state: 'running', skippedInARow: 2 });
  });

  test.skipIf(!mayContain)(
    'a run that replaces one on another machine asks it to end there, and begins when that has ended its command',
    async () => {
      const [one, other] = rig.machines();
      const words = [process.execPath, MAIN, 'job', 'n', '-v', '--', 'sh', '-c'];
      const command = 'trap "sleep 0.3; touch ended; exit 3" TERM; echo in; while :; do sleep 0.05; done';
      const [unshare = '', ...own] = [...CONTAINER, '--uts', 'sh', '-c', 'hostname far-away; exec "$@"', 'sh'];
      const far = one.start(unshare, [...own, ...words, command]);
      await far.says('in');
      const look = ['sh', '-c', `ls "${one.path('ended')}" > /dev/null && echo newer`];
      expect(await other.job('n', '-v', '--overlap', 'replace', '-w', '20s', '--', ...look)).toMatchObject({
        status: 0,
        stdout: 'newer\n',
        stderr: expect.stringMatching(/asked the run of pid \d+ on far-away to end/),
      });
      expect((await far.ended).stderr).toMatch(/was replaced by a newer run, pid \d+ on /);
      expect(await resultsOn(other)).toEqual(['replaced', 'succeeded']);
      expect(rig.keys(one).filter((key) => key.startsWith('.ends/'))).toEqual([]);
    },
  );

  test('retention removes the records of old runs for all machines', async () => {
    const [one, other] = rig.machines();
    for (let run = 0; run < 3; run++) await one.job('n', '--keep', '2', '--', 'true');
    await other.job('n', '--keep', '2', '--', 'true');
    expect(rig.keys(one).filter((key) => key.startsWith('.runs/n/'))).toHaveLength(2);
    expect(await resultsOn(one)).toHaveLength(2);
    expect(one.runs()).toHaveLength(2);
  });

  test('a job that is forgotten on one machine is forgotten on all', async () => {
    const [one, other] = rig.machines();
    await one.job('n', '--', 'true');
    await one.job('other', '--', 'true');
    expect((await other.run('forget', 'n')).stdout).toBe('n: forgotten, with 1 run\n');
    expect(rig.keys(one).filter((key) => key.startsWith('.runs/'))).toEqual([
      expect.stringMatching(/^\.runs\/other\//),
    ]);
    expect((await one.run('jobs')).stdout).not.toMatch(/^n /m);
    expect(fs.existsSync(one.jobDirectory())).toBe(false);
  });

  test('a reporter on one machine is seen on the other, also after it was killed; and can be stopped from there', async () => {
    const [one, other] = rig.machines();
    const beat = (name: string) => one.lockstep(['beat', name, '--every', '100ms']);
    const [killed, stopped] = [beat('packer'), beat('host')];
    const states = async () => {
      const { stdout } = await other.run('monitor', '--once', '--json');
      return JSON.parse(stdout).map(({ name, state }: { name: string; state: string }) => `${name} ${state}`);
    };
    await until('both are alive', async () => (await states()).join() === 'host alive,packer alive');
    killed.kill('SIGKILL');
    expect(await other.run('beat', 'host', '--stop')).toMatchObject({ status: 0, stderr: '' });
    expect((await stopped.ended).status).toBe(0);
    // These two machines have one kernel, which knows at once who is gone; on another one it would be late.
    await until('one is gone, and one has ended', async () => (await states()).join() === 'host ended,packer gone');
  });

  test('names of jobs that are words of the layout are names like all others', async () => {
    const [one, other] = rig.machines();
    for (const name of ['state', 'line', 'runs', 'base', '.runs', 'a/b']) await one.job(name, '--', 'true');
    const { stdout } = await other.run('jobs', '--json');
    expect(JSON.parse(stdout).map(({ name }: { name: string }) => name)).toEqual([
      '.runs',
      'a/b',
      'base',
      'line',
      'runs',
      'state',
    ]);
    expect(await one.store.names()).toEqual(['.runs', 'a/b', 'base', 'line', 'runs', 'state']);
  });
});

describe.skipIf(!HAS_ETCD)('where no server answers', { timeout: 120_000 }, () => {
  const away = new MachinesRig();
  beforeAll(() => away.start(), 120_000);
  afterAll(async () => {
    await away.end();
    await away.stop();
  });

  test('before its command began a run fails with the reason; after it the job goes on, and that is reported', async () => {
    const [one] = away.machines('?ttl=60s');
    const gate = one.gate('gate');
    const run = one.worker('gate', 'n');
    await run.says('in ');
    await away.cluster.members[0]?.kill();
    const refused = await one.job('n', '--', 'echo', 'begun');
    expect(refused).toMatchObject({ status: 74, stdout: '' });
    expect(refused.stderr).toMatch(/n: the command did not begin, because its run could not be recorded:\n.*etcd/);
    gate.open();
    const ended = await run.ended;
    expect(ended.stdout).toMatch(/in \d+\nout\n/);
    expect(ended.stderr).toMatch(/Other machines do not see how this run goes on/);
    expect(one.outcomes()).toEqual(['failed', 'succeeded']);
    expect(await one.run('jobs')).toMatchObject({ status: 74, stderr: expect.stringMatching(/etcd/) });
    // It could not give its lock back. Whoever comes next on this machine finds that its process is gone.
    away.cluster.members[0]?.start();
    await away.cluster.answers();
    expect((await one.run('run', 'n', '-w', '20s', '--', 'true')).status).toBe(0);
  });
});
