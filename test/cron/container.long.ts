import fs from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { commandOf, RECIPES } from '../docs/deploying-page.ts';
import { isAlive, MAIN, Rig, until } from '../support/cli-rig.ts';
import { CONTAINER, mayContain } from '../support/container.ts';
import { childOf } from '../support/process-rig.ts';
import { whyNoCron } from './cron-daemon.ts';

const MOST_MS = 100_000;

/** Places of our own for what cron reads and writes; then, as process 1, what the image starts. */
const SETUP = `set -e
mount -t tmpfs none /run
mount --bind spool /var/spool/cron/crontabs
mount --bind cron.d /etc/cron.d
mount --bind empty /etc/crontab
exec > log
exec "$@"`;

let rig: Rig;
beforeEach(() => {
  rig = new Rig();
});
afterEach(() => rig.end());

describe.skipIf(whyNoCron() !== '' || !mayContain)('cron as the first process of a container', () => {
  test('runs the job with the variables of the crontab alone; when the container is stopped, it is told nothing, and its lock is free', {
    timeout: MOST_MS + 20_000,
  }, async () => {
    for (const name of ['bin', 'spool', 'cron.d']) fs.mkdirSync(rig.path(name));
    fs.symlinkSync(MAIN, rig.path('bin/lockstep'));
    fs.symlinkSync(process.execPath, rig.path('bin/node'));
    rig.write('empty', '');
    const script = `echo "in, OTHER=$OTHER"; trap 'touch ended; exit' TERM; while :; do sleep 0.1; done`;
    rig.write('backup.sh', `#!/bin/sh\n${script}\n`, 0o755);
    const crontab = RECIPES.cronCrontab
      .replace('*/5', '*')
      .replace('/app/node_modules/.bin', rig.path('bin'))
      .replace('LOCKSTEP_DIR=/locks', `LOCKSTEP_DIR=${rig.storePath}`)
      .replace('cd /app', `cd ${rig.directory}`);
    rig.write('cron.d/shop', crontab, 0o644);

    const words = [...CONTAINER, 'sh', '-c', SETUP, 'sh', ...commandOf(RECIPES.cronDockerfile)];
    const env = { OTHER: 'the container’s', PATH: `${process.env.PATH}:/usr/sbin` };
    const container = rig.start(words[0] ?? '', words.slice(1), { input: '', env });
    // Nothing but the minute's turn starts it.
    for (const end = Date.now() + MOST_MS; !(rig.exists('log') && rig.read('log').includes('in, ')); ) {
      expect(Date.now(), container.stderr).toBeLessThan(end);
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    expect(rig.read('log')).toMatch(/\nin, OTHER=\n$/);
    expect((await rig.run('run', 'backup', '-n', '-q', '--', 'true')).status).toBe(75);

    // `docker stop`: SIGTERM to process 1, and then SIGKILL to all.
    const first = childOf(container.pid);
    process.kill(first, 'SIGTERM');
    container.kill('SIGKILL');
    await until('the kernel has ended all of it', () => !isAlive(first));
    expect((await rig.run('run', 'backup', '-n', '--', 'true')).status).toBe(0);
    expect(rig.exists('ended')).toBe(false);
  });
});
