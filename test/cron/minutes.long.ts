import fs from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { JobRig } from '../support/job-rig.ts';
import { CronDaemon, whyNoCron } from './cron-daemon.ts';

// Cron looks once a minute: this takes up to two. `npm run cron` has the longer one.

const RECIPES = fs.readFileSync(new URL('../../docs/recipes.md', import.meta.url), 'utf8');
/** The command by which the recipe prints the PATH for a machine. */
const [, PRINT_PATH = ''] = /^(echo "PATH=.*)$/m.exec(RECIPES) ?? [];
const UNTIL_MS = 150_000;

let rig: JobRig;
beforeEach(() => {
  rig = new JobRig();
  fs.mkdirSync(rig.path('bin'));
  rig.write('bin/lockstep', `#!/bin/sh\nexec node ${path.resolve('dist/cli/main.js')} "$@"\n`, 0o755);
  fs.symlinkSync(process.execPath, rig.path('bin/node'));
});
afterEach(() => rig.end());

/** Cron gives no event. */
async function until(what: string, holds: () => boolean): Promise<void> {
  const deadline = performance.now() + UNTIL_MS;
  while (!holds()) {
    if (performance.now() > deadline) throw new Error(`it never came about that ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

async function recipesPath(): Promise<string> {
  const PATH = `${rig.path('bin')}:/usr/bin:/bin`;
  const { stdout } = await rig.start('env', ['-i', `PATH=${PATH}`, 'sh', '-c', PRINT_PATH], { input: '' }).ended;
  return stdout;
}

test.skipIf(whyNoCron() !== '')(
  `a real crontab with the recipe’s PATH: of two runs in a minute one is skipped, only failures are mailed, and CRON_TZ is the zone of what is expected${whyNoCron() && ` (skipped: ${whyNoCron()})`}`,
  async () => {
    const gate = rig.gate('gate');
    const job = (name: string, rest: string) =>
      `* * * * * cd ${rig.directory} && lockstep job ${name} --dir ${rig.storePath} ${rest}\n`;
    const visit = job('visit', "--expect 'every 1m' -- sh -c 'echo in >> visits; read -r _ < gate'");
    const daemon = new CronDaemon(
      rig,
      [
        'MAILTO=operator\nCRON_TZ=Asia/Tokyo\n',
        '* * * * * lockstep job without-path -- true\n',
        await recipesPath(),
        visit,
        visit,
        job('well', '-- echo nobody needs to read this'),
        job('fails', "-- sh -c 'echo the disk is on fire; exit 3'"),
        job('zone', "--expect '0 3 * * *' -- sh -c 'env > environment.part; mv environment.part environment'"),
      ].join(''),
    );
    await until('one of two runs is skipped', () => rig.outcomes('visit').includes('skipped'));
    await until('its other one is mailed', () => daemon.mails().length >= 2);
    // The next minute: both are skipped, since the first one runs still.
    await until('three runs are skipped', () => rig.outcomes('visit').filter((one) => one === 'skipped').length >= 3);
    expect(rig.read('visits')).toBe('in\n');
    gate.open();
    await until('the first run has succeeded', () => rig.outcomes('visit').includes('succeeded'));
    await until('the failure of the second minute is mailed', () => daemon.mails().length >= 4);
    daemon.program.kill('SIGTERM');
    await daemon.program.exited();

    const mails = daemon.mails();
    const subjects = mails.map(({ subject }) => /lockstep job (\S+)/.exec(subject)?.[1]);
    expect([...new Set(subjects)].sort()).toEqual(['fails', 'without-path']);
    for (const { to, subject, body } of mails) {
      expect(to).toBe('operator');
      if (subject.includes('without-path')) expect(body).toContain('lockstep: not found');
      else expect(body).toMatch(/^the disk is on fire\n.*exit code 3/);
    }
    const environment = rig.read('environment').split('\n');
    expect(environment).toContain('CRON_TZ=Asia/Tokyo');
    expect(environment).toContain((await recipesPath()).trim());
    expect(environment.some((line) => line.startsWith('TERM='))).toBe(false);
    // Debian's cron hands it on, and so it is the zone of the expectation: three in Tokyo, wherever one looks.
    const looked = await rig.start(process.execPath, [path.resolve('dist/cli/main.js'), 'jobs', '--json'], {
      env: { TZ: 'UTC' },
      input: '',
    }).ended;
    const zone = (JSON.parse(looked.stdout) as Array<{ name: string; dueAt: string }>).find(
      ({ name }) => name === 'zone',
    );
    expect(zone?.dueAt).toMatch(/T18:00:00/);
  },
  UNTIL_MS + 20_000,
);
