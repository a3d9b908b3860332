import fs from 'node:fs';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { until } from '../../support/cli-rig.ts';
import { HAS_ETCD } from '../../support/etcd.ts';
import { MachinesRig } from '../../support/machine-rig.ts';

const rig = new MachinesRig();

describe.skipIf(!HAS_ETCD)('on one machine, with a store on etcd', { timeout: 120_000 }, () => {
  beforeAll(() => rig.start(), 120_000);
  afterEach(() => rig.end());
  afterAll(() => rig.stop());

  test('a job is recorded, and its log is shown', async () => {
    const [machine] = rig.machines();
    expect(await machine.job('n', '--', 'sh', '-c', 'echo broken; exit 3')).toMatchObject({
      status: 3,
      stdout: 'broken\n',
    });
    expect((await machine.run('jobs', '--check')).stdout).toMatch(/^n: failed: exit code 3/);
    expect((await machine.run('history', 'n', '--output')).stdout).toMatch(/failed +3 .*\n +broken/);
    expect(machine.exists('store/jobs')).toBe(false);
  });

  test('a run that finds another one there is skipped; one that replaces it asks it to end', async () => {
    const [machine] = rig.machines();
    machine.gate('gate');
    const first = machine.worker('gate', 'n');
    await first.says('in ');
    const skipped = await machine.job('n', '-v', '--', 'true');
    expect(skipped).toMatchObject({
      status: 0,
      stderr: expect.stringMatching(/skipped: another run is there: pid \d+/),
    });
    expect((await machine.job('n', '--overlap', 'replace', '--', 'echo', 'newer')).status).toBe(0);
    expect((await first.ended).stderr).toMatch(/was replaced by a newer run/);
    const { stdout } = await machine.run('history', 'n', '--json');
    expect(JSON.parse(stdout).map(({ result }: { result: string }) => result)).toEqual([
      'replaced',
      'skipped',
      'succeeded',
    ]);
  });

  test('a program that reports is shown by the monitor', async () => {
    const [machine] = rig.machines();
    const reporter = machine.lockstep([
      'beat',
      'packer',
      '--every',
      '50ms',
      '--',
      'sh',
      '-c',
      'echo in; read -r _; exit 4',
    ]);
    await reporter.says('in');
    expect(await machine.run('monitor', '--once')).toMatchObject({
      status: 0,
      stdout: expect.stringMatching(/packer +alive/),
    });
    expect(await reporter.letGo()).toMatchObject({ status: 4, stderr: '' });
    expect((await machine.run('monitor', '--once')).stdout).toMatch(/packer +gone.*exit code 4/);
  });

  describe('a reporter whose heartbeat is not answered', () => {
    beforeEach(() => rig.cluster.members[0]?.signal('SIGSTOP'));
    afterEach(() => rig.cluster.members[0]?.signal('SIGCONT'));

    test('exits with its command’s status, and says that others do not hear of the end', async () => {
      const [machine] = rig.machines();
      const reporter = machine.lockstep(['beat', 'packer', '--', 'sh', '-c', 'echo in; read -r _; exit 4']);
      await reporter.says('in');
      expect(await reporter.letGo()).toMatchObject({
        status: 4,
        stderr: expect.stringMatching(/^lockstep: packer: its end could not be reported: etcd put: .*\n$/),
      });
    });

    test('ends with the process of --pid, and says nothing', async () => {
      const [machine] = rig.machines();
      const worker = machine.start('sh', ['-c', 'read -r _']);
      const reporter = machine.lockstep(['beat', 'packer', '--every', '50ms', '--pid', String(worker.pid)]);
      await until('it reports', () => fs.existsSync(`${machine.recordsPath}/beats/packer`));
      await worker.letGo();
      expect(await reporter.ended).toEqual({ status: 0, stdout: '', stderr: '' });
    });
  });

  test('run --flock waits for programs of this machine that use flock, and keeps them out', async () => {
    const [machine] = rig.machines();
    const other = machine.start('flock', ['f', 'sh', '-c', 'echo in; read -r _; exit 0']);
    await other.says('in');
    expect(await machine.run('run', 'n', '-n', '--flock', 'f', '--', 'true')).toMatchObject({
      status: 75,
      stderr: expect.stringContaining('another program has the flock of'),
    });
    const next = machine.lockstep(['run', 'n', '--flock', 'f', '--', 'flock', '-n', 'f', 'true']);
    await machine.line('n', 1, 0);
    await other.letGo();
    expect((await next.ended).status).toBe(1);
  });

  test('a job is forgotten with its runs', async () => {
    const [machine] = rig.machines();
    await machine.job('n', '--', 'true');
    expect((await machine.run('forget', 'n')).stdout).toBe('n: forgotten, with 1 run\n');
    expect((await machine.run('jobs')).stderr).toMatch(/no job has run here yet/);
  });
});
