import { afterEach, beforeEach, expect, test } from 'vitest';
import { nodeHost } from '../../../../lib/host/node-host.ts';
import { RunLog } from '../../../../lib/jobs/run-log.ts';
import { directoryOf } from '../../../../lib/stores/open-store.ts';
import { Rig } from '../../../support/cli-rig.ts';
import { DAY, HOUR, MINUTE, runAt, runningSince, writeRuns } from '../../../support/recorded-run.ts';

let rig: Rig;
beforeEach(() => {
  rig = new Rig();
});
afterEach(() => rig.end());

const SILENT = { status: 0, stdout: '', stderr: '' };

/** The ends of the newest runs of the job, by their records. */
function ends(count: number): unknown[] {
  return new RunLog(nodeHost, directoryOf(rig.storePath)).runs('n', count).map(({ run }) => run.ended);
}

test('a run that is skipped because of a stuck one says so, once in a row of skips, and counts the row', async () => {
  writeRuns(rig.storePath, [
    runAt(Date.now() - 40 * DAY, { tookMs: 22 }),
    runningSince(Date.now() - 30 * DAY - MINUTE, { key: 'hung' }),
  ]);
  const holder = await rig.hold('n');
  const stuck = `running for 30d, and others wait for it; its last successes took 22ms at most; \`kill ${process.pid}\` ends it`;
  const first = await rig.run('job', 'n', '--', 'touch', 'ran');
  expect(first).toMatchObject({ status: 0, stdout: '' });
  expect(first.stderr).toMatch(/^lockstep: n: skipped: another run is there: pid \d+ .*\n$/);
  expect(first.stderr).toContain(`; the job is stuck: ${stuck}\n`);
  expect(await rig.run('job', 'n', '--', 'touch', 'ran')).toEqual(SILENT);
  const third = await rig.run('job', 'n', '-v', '-E', '5', '--', 'touch', 'ran');
  expect(third.status).toBe(5);
  expect(third.stderr).toContain('; the job is stuck: running for 30d, and 2 starts in a row skipped because of it');
  expect(ends(3).reverse()).toMatchObject([
    { outcome: 'skipped', by: 'hung', reason: stuck, skips: { count: 1 } },
    { outcome: 'skipped', skips: { count: 2 } },
    { outcome: 'skipped', skips: { count: 3 } },
  ]);
  expect(rig.exists('ran')).toBe(false);
  await holder.letGo();
});

test('a job whose lock is held for a day by what is no run of it is stuck, and says where to look', async () => {
  const since = Date.now() - DAY - HOUR;
  const row = { outcome: 'skipped', waitedMs: null, tookMs: null, skips: { count: 300, since } } as const;
  writeRuns(rig.storePath, [runAt(since - HOUR), runAt(Date.now() - MINUTE, row)]);
  const holder = await rig.hold('n');
  const { stderr } = await rig.run('job', 'n', '--', 'true');
  expect(stderr).toContain('and no run of the job has its lock; `lockstep status n` shows the holder');
  expect(await rig.run('jobs', '--check')).toMatchObject({
    status: 1,
    stdout: expect.stringMatching(
      /^n: stuck: skipped: 301 starts in a row, the first 1d 1h ago, and no run of the job/,
    ),
  });
  await holder.letGo();
  // The next run that gets its turn ends the row.
  expect(await rig.run('job', 'n', '--', 'true')).toEqual(SILENT);
  expect(await rig.run('jobs', '--check')).toEqual(SILENT);
});
