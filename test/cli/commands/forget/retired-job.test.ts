import fs from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { JobRig } from '../../../support/job-rig.ts';
import { DAY, HOUR, runAt, writeRuns } from '../../../support/recorded-run.ts';

let rig: JobRig;
beforeEach(() => {
  rig = new JobRig();
});
afterEach(() => rig.end());

const NOTHING = { status: 0, stdout: '', stderr: '' };

/** Everything in the store that has the job's name. */
function left(name: string): string[] {
  return fs.readdirSync(rig.storePath, { recursive: true, encoding: 'utf8' }).filter((file) => file.includes(name));
}

describe('forget of a job', () => {
  test('removes its records, its expectation, its metrics and its lock', async () => {
    expect(await rig.job('old', '--expect', 'every 1h', '--', 'true')).toEqual(NOTHING);
    rig.backdate('old', 400 * DAY);
    const check = await rig.run('jobs', '--check');
    expect(check.stdout).toMatch(/^old: late: .*; if it is not to run any more: `lockstep forget old`\n$/);
    expect(await rig.run('forget', 'old')).toEqual({ ...NOTHING, stdout: 'old: forgotten, with 1 run\n' });
    expect(left('old')).toEqual([]);
    expect(await rig.run('jobs', '--check')).toEqual(NOTHING);
    expect(await rig.run('jobs', '--prometheus')).toEqual(NOTHING);
    // And the name begins anew.
    expect(await rig.job('old', '--', 'true')).toEqual(NOTHING);
    expect(rig.outcomes('old')).toEqual(['succeeded']);
  });

  test('is refused while it runs, and loses nothing', async () => {
    rig.gate('gate');
    const worker = rig.worker('gate', 'n');
    await worker.says('in ');
    const { status, stdout, stderr } = await rig.run('forget', 'n');
    expect({ status, stdout }).toEqual({ status: 75, stdout: '' });
    expect(stderr).toMatch(/^lockstep: n: not forgotten: it runs: for \S+ \(pid \d+\)\n$/);
    expect(rig.outcomes()).toEqual(['running']);
  });

  test('is refused while somebody else has its lock, and loses no record', async () => {
    writeRuns(rig.storePath, [runAt(Date.now() - HOUR)]);
    const holder = await rig.hold('n');
    const { status, stderr } = await rig.run('forget', 'n');
    expect([status, stderr]).toEqual([75, expect.stringContaining('n: not forgotten: held by pid')]);
    expect(rig.outcomes()).toEqual(['succeeded']);
    await holder.letGo();
  });

  test('removes records that cannot be read, and the output of a run that was lost', async () => {
    writeRuns(rig.storePath, [runAt(Date.now() - DAY, { outcome: null }), runAt(Date.now() - HOUR)]);
    rig.rewrite(rig.last().run, () => 'damaged');
    expect(await rig.run('forget', 'n')).toEqual({ ...NOTHING, stdout: 'n: forgotten, with 2 runs\n' });
    expect(fs.readdirSync(path.join(rig.storePath, 'jobs'))).toEqual([]);
  });
});

describe('forget --older-than', () => {
  test('takes jobs that did not run for so long, but none that is expected, and none in silence that is not well', async () => {
    const long = (job: string, wishes = {}) => runAt(Date.now() - 40 * DAY, { job, ...wishes });
    writeRuns(rig.storePath, [
      long('idle'),
      long('failed', { outcome: 'failed' }),
      long('late', { plan: { expect: 'every 1d' } }),
      long('yearly', { plan: { expect: 'every 365d' } }),
      long('recent'),
      runAt(Date.now() - HOUR, { job: 'recent' }),
    ]);
    const { status, stdout, stderr } = await rig.run('forget', '--older-than', '30d');
    expect({ status, stdout }).toEqual({ status: 0, stdout: 'idle: forgotten, with 1 run\n' });
    expect(stderr.split('\n')).toEqual([
      expect.stringMatching(/^lockstep: failed: not forgotten: it is failed: exit code 1, .*`lockstep forget failed`/),
      expect.stringMatching(/^lockstep: late: not forgotten: it is late: expected 39d ago .*`lockstep forget late`/),
      '',
    ]);
    for (const name of ['failed', 'late', 'yearly', 'recent']) expect(rig.runs(name).length).toBeGreaterThan(0);
    const named = await rig.run('forget', '--older-than', '30d', 'yearly', 'recent');
    expect([named.status, named.stderr]).toEqual([
      75,
      'lockstep: yearly: not forgotten: a success of it is expected (every 365d)\nlockstep: recent: not forgotten: it ran since\n',
    ]);
  });
});

test('jobs --help names forget', async () => {
  expect((await rig.run('jobs', '--help')).stdout).toContain('lockstep forget NAME');
});
