import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { until } from '../../support/cli-rig.ts';
import { JobRig } from '../../support/job-rig.ts';

let rig: JobRig;
beforeEach(() => {
  rig = new JobRig();
});
afterEach(() => rig.end());

const LOSS = /^lockstep: n: the lease with token \d+ is lost: broken by force.*$/m;

describe('run, whose lease is lost while its command runs,', () => {
  test.each([
    ['succeeds', 0, ''],
    ['fails', 3, 'lockstep: run: the command itself ended with exit code 3\n'],
  ])('exits 75 if the command %s, and reports the loss once', async (_, code, more) => {
    const program = rig.lockstep(['run', 'n', '-E', '9', '--', 'sh', '-c', `echo in; read -r _; exit ${code}`]);
    await program.says('in');
    expect((await rig.run('break', 'n')).status).toBe(0);
    const { status, stderr } = await program.letGo();
    expect(status).toBe(75);
    expect(stderr).toMatch(LOSS);
    expect(stderr.replace(/^.* is lost: .*\n/, '')).toBe(more);
  });

  test('leaves its successor in peace', async () => {
    const program = rig.lockstep(['run', 'n', '--', 'sh', '-c', 'echo in; read -r _']);
    await program.says('in');
    await rig.run('break', 'n');
    const successor = await rig.hold('n');
    expect((await program.letGo()).status).toBe(75);
    await rig.line('n', 1, 0);
    expect((await successor.letGo()).status).toBe(0);
  });
});

describe('job, whose lease is lost while its command runs,', () => {
  test.each([
    ['succeeds', 'exit 0', 'succeeded'],
    ['fails', 'exit 3', 'failed with exit code 3'],
  ])('exits 75 if the command %s, does not retry, and records a failure with the reason', async (_, end, ended) => {
    const gate = rig.gate('gate');
    const command = `echo x >> tries; read -r _ < gate; ${end}`;
    const program = rig.lockstep(['job', 'n', '--retries', '2', '--backoff', '0', '-c', command], { input: '' });
    await rig.line('n', 1, 0);
    await until('it has begun', () => rig.exists('tries'));
    await rig.run('break', 'n');
    gate.open();
    const { status, stderr } = await program.ended;
    expect(status).toBe(75);
    expect(stderr).toMatch(LOSS);
    expect(stderr).toMatch(new RegExp(`\nlockstep: n: lost its lease; the command itself ${ended} after .*\n$`));
    expect(rig.read('tries')).toBe('x\n');
    expect(rig.ended()).toMatchObject({
      outcome: 'failed',
      code: 75,
      reason: expect.stringContaining('is lost: broken'),
    });
    const { stdout } = await rig.run('jobs', '--check');
    expect(stdout).toContain('exit code 75');
  });

  test('does not count as the success that --every looks for', async () => {
    const gate = rig.gate('gate');
    const program = rig.worker('gate', 'n');
    await program.says('in ');
    await rig.run('break', 'n');
    gate.open();
    expect((await program.ended).status).toBe(75);
    expect((await rig.job('n', '--every', '1h', '--', 'touch', 'ran')).status).toBe(0);
    expect(rig.exists('ran')).toBe(true);
  });
});
