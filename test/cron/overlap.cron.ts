import fs from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { nodeHost } from '../../lib/host/node-host.ts';
import { type ObservedRun, RunLog } from '../../lib/jobs/run-log.ts';
import { directoryOf } from '../../lib/stores/open-store.ts';
import { Rig } from '../support/cli-rig.ts';
import { CronDaemon, whyNoCron } from './cron-daemon.ts';

/** Long enough for cron to come round three times. */
const UNTIL_MS = 240_000;

/** Two detectors: a marker that only one can make, and a counter that loses what is counted at once. */
const VISIT = `#!/bin/sh
set -C
: 2> /dev/null > inside || { echo overlap >> overlaps; exit 9; }
set +C
count=$(cat counter)
echo began >> visits
read -r _ < gate
echo $((count + 1)) > counter
rm inside
`;

let rig: Rig;
beforeEach(() => {
  rig = new Rig();
});
afterEach(() => rig.end());

function runsOf(job: string): ObservedRun[] {
  return new RunLog(nodeHost, directoryOf(rig.storePath)).runs(job);
}

/** Cron gives no event. */
async function until(what: string, holds: () => boolean): Promise<void> {
  const deadline = performance.now() + UNTIL_MS;
  while (!holds()) {
    if (performance.now() > deadline) throw new Error(`it never came about that ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

function visits(): number {
  return rig.exists('visits') ? rig.read('visits').trim().split('\n').length : 0;
}

test.skipIf(whyNoCron() !== '')(
  'two overlapping lines of a real crontab never overlap, and cron mails only what failed',
  async () => {
    fs.mkdirSync(rig.path('bin'));
    rig.write('bin/lockstep', `#!/bin/sh\nexec ${process.execPath} ${path.resolve('dist/cli/main.js')} "$@"\n`, 0o755);
    rig.write('bin/visit', VISIT, 0o755);
    rig.write('counter', '0\n');
    const gate = rig.gate('gate');
    const job = (name: string, rest: string) =>
      `* * * * * cd ${rig.directory} && lockstep job ${name} --dir ${rig.storePath} ${rest}\n`;
    const daemon = new CronDaemon(
      rig,
      [
        `PATH=${rig.path('bin')}:/usr/bin:/bin\n`,
        job('visit', "--timeout 10m --expect 'every 2m' -- visit"),
        job('visit', "--timeout 10m --expect 'every 2m' -- visit"),
        job('well', '-- echo nobody needs to read this'),
        job('fails', "-- sh -c 'echo the disk is on fire; exit 3'"),
      ].join(''),
    );

    // The first minute: one of the two runs, and the other is skipped. The second: both are, since the first runs still.
    await until(
      'three runs are skipped',
      () => runsOf('visit').filter(({ run }) => run.ended?.outcome === 'skipped').length >= 3,
    );
    expect(visits()).toBe(1);
    expect(runsOf('visit').filter(({ state }) => state === 'running')).toHaveLength(1);
    gate.open();
    await until('the first run has succeeded', () =>
      runsOf('visit').some(({ run }) => run.ended?.outcome === 'succeeded'),
    );
    // The third minute: again one of the two.
    await until('one runs again', () => visits() === 2);
    gate.open();
    await until(
      'it has succeeded',
      () => runsOf('visit').filter(({ run }) => run.ended?.outcome === 'succeeded').length === 2,
    );
    await until('three failures are mailed', () => daemon.mails().length >= 3);
    daemon.program.kill('SIGTERM');

    expect(rig.exists('overlaps')).toBe(false);
    expect(rig.read('counter')).toBe('2\n');
    for (const { subject, body } of daemon.mails()) {
      expect(subject).toContain('lockstep job fails');
      expect(body).toContain('the disk is on fire');
      expect(body).toContain('exit code 3');
    }
    const jobs = await rig.run('jobs', '--check');
    expect(jobs.status).toBe(1);
    expect(jobs.stdout).toMatch(/^fails: failed/);
    expect(runsOf('fails')[0]?.run.ended?.tail).toBe('the disk is on fire\n');
  },
);
