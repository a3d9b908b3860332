import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { isAlive, MAIN, type Program, Rig, until } from '../support/cli-rig.ts';
import { allBlocks, deployStepOf, RECIPES } from './deploying-page.ts';

const TESTS = [
  'docs/deploying.test.ts',
  'docs/deploying-containers.test.ts',
  'package/deploying.package.ts',
  'cron/container.long.ts',
];

/** Says that it works, and which signals it gets; ends at the second one, or when its gate is opened. */
const WORK = `trap 'echo TERM >> signals; exit 3' TERM
trap 'echo INT >> signals; exit 3' INT
echo "$$" >> working
read -r _ < gate || :
echo done`;

let rig: Rig;
beforeEach(() => {
  rig = new Rig();
  fs.mkdirSync(rig.path('bin'));
  fs.symlinkSync(MAIN, rig.path('bin/lockstep'));
  fs.symlinkSync(process.execPath, rig.path('bin/node'));
});
afterEach(() => rig.end());

function command(name: string, script: string): void {
  rig.write(name, `#!/bin/sh\n${script}\n`, 0o755);
}

/** As in a new terminal, with the commands of `bin` in front. */
function environment(): Record<string, string | undefined> {
  const ours = Object.keys(process.env).filter((name) => /^(npm_|VITEST)/.test(name));
  return {
    ...Object.fromEntries(ours.map((name) => [name, undefined])),
    PATH: `${rig.path('bin')}:${process.env.PATH}`,
  };
}

/** How many times the work has begun. */
function begun(): number {
  return rig.exists('working') ? rig.read('working').trim().split('\n').length : 0;
}

async function working(count = 1): Promise<void> {
  await until(`the work has begun ${count} times`, () => begun() === count);
}

/** Whether the lock is free now. */
async function isFree(name: string): Promise<boolean> {
  return (await rig.run('run', name, '-n', '-q', '--', 'true')).status === 0;
}

test('every recipe of the page is used by a test', () => {
  expect(Object.values(RECIPES).sort()).toEqual(allBlocks().sort());
  const tests = TESTS.map((file) => fs.readFileSync(new URL(`../${file}`, import.meta.url), 'utf8')).join('');
  expect(Object.keys(RECIPES).filter((name) => !tests.includes(`RECIPES.${name}`))).toEqual([]);
});

describe('systemd', () => {
  const units = {
    'worker.service': RECIPES.workerService,
    'backup.service': RECIPES.backupService,
    'backup.timer': RECIPES.backupTimer,
  };

  /** A unit with this machine's programs in the place of those of the page. */
  function here(unit: string): string {
    return unit.replaceAll('/usr/local/bin/', `${rig.path('bin')}/`);
  }

  function setting(unit: string, name: string): string {
    return new RegExp(`^${name}=(.*)$`, 'm').exec(unit)?.[1] ?? '';
  }

  /** Starts what a service's ExecStart says, with its variables, and its state directory behind a link as DynamicUser has it. */
  function start(unit: string): Program {
    fs.mkdirSync(rig.path('private/shop'), { recursive: true, mode: 0o700 });
    if (!rig.exists('shop')) fs.symlinkSync('private/shop', rig.path('shop'));
    const variables = [...here(unit).matchAll(/^Environment=(.*)$/gm)].map(([, pair = '']) =>
      pair.replace('%S', rig.directory).replace(/^PATH=.*/, `PATH=${rig.path('bin')}:/usr/bin:/bin`),
    );
    return rig.start('env', [...variables, 'sh', '-c', `exec ${setting(here(unit), 'ExecStart')}`], { input: '' });
  }

  test.skipIf(spawnSync('systemd-analyze', ['--version']).status !== 0)('takes the units as they are', () => {
    for (const name of ['bin/worker', 'bin/backup.sh']) command(name, 'true');
    const files = Object.entries(units).map(([name, unit]) => rig.write(name, here(unit)));
    const { status, stderr } = spawnSync('systemd-analyze', ['verify', ...files], { encoding: 'utf8' });
    expect({ status, stderr: stderr.split('\n').filter((line) => /worker|backup/.test(line)) }).toEqual({
      status: 0,
      stderr: [],
    });
  });

  test.each([
    ['worker', RECIPES.workerService, 'bin/worker', 'trap "kill $!; exit 143" TERM'],
    ['backup', RECIPES.backupService, 'bin/backup.sh', 'trap "" TERM'],
  ])('stops the unit %s by one SIGTERM to Lockstep: the whole tree ends', async (_, unit, program, reaction) => {
    command(program, `${reaction}; sleep 600 & echo "$$ $!" > working; wait; wait`);
    const service = start(unit.replace('--timeout', '--kill-after 100ms --timeout'));
    await until('it works', () => rig.exists('working') && rig.read('working') !== '');
    expect(setting(unit, 'KillMode')).toBe('mixed');
    service.kill('SIGTERM');
    const { status } = await service.ended;
    // systemd takes the statuses that are listed for a success.
    expect(setting(unit, 'SuccessExitStatus').split(' ')).toContain(String(status));
    expect(rig.read('working').trim().split(' ').map(Number).filter(isAlive)).toEqual([]);
    // More than a job takes by itself (`--kill-after`).
    expect(Number(setting(unit, 'TimeoutStopSec'))).toBeGreaterThan(10);
  });

  test('lets two units share a store behind the link of DynamicUser, and root look at it', async () => {
    rig.gate('gate');
    command('bin/worker', WORK);
    const first = start(RECIPES.workerService);
    await working();
    const second = start(RECIPES.workerService);
    const store = rig.path('private/shop/locks');
    await until('the second one waits', async () => /waiting/.test((await rig.run('status', '--dir', store)).stdout));
    expect((await rig.run('status', '--dir', store)).stdout).toMatch(/^worker .* holding .*\nworker .* waiting /m);
    first.kill('SIGTERM');
    await working(2);
    second.kill('SIGTERM');
    await second.ended;
  });
});

describe('a step of GitHub Actions', () => {
  const step = deployStepOf(RECIPES.selfHosted);

  /** In a workspace of its own, as each runner has one: by `bash -e`, as a runner runs a step. */
  function runner(name: string): Program {
    fs.mkdirSync(rig.path(`${name}/node_modules/.bin`), { recursive: true });
    fs.symlinkSync(MAIN, rig.path(`${name}/node_modules/.bin/lockstep`));
    command(`${name}/deploy.sh`, `cd ..\n${WORK}`);
    return rig.start('bash', ['-e', rig.write(`${name}/step.sh`, step.run)], {
      cwd: rig.path(name),
      input: '',
      env: environment(),
    });
  }

  test('shares the lock with another runner of the machine, and ends in time when it is canceled', async () => {
    rig.gate('gate');
    const first = runner('first');
    await working();
    const second = runner('second');
    await rig.line('deploy', 1, 1);
    first.kill('SIGINT');
    expect((await first.ended).status).toBe(3);
    expect(rig.read('signals')).toBe('INT\n');
    await working(2);
    second.kill('SIGTERM');
    expect((await second.ended).status).toBe(3);
    expect(await isFree('deploy')).toBe(true);
  });

  test('is the same on hosted runners, but for the store', () => {
    const { env, ...hosted } = deployStepOf(RECIPES.hosted);
    expect(hosted).toEqual(step);
    expect(Object.keys(env ?? {})).toEqual(['LOCKSTEP_STORE']);
  });
});

describe('npm scripts', () => {
  function npm(script: string): Program {
    rig.write('package.json', RECIPES.npmPackage);
    return rig.start('npm', ['run', '--silent', script], { input: '', env: environment() });
  }

  test('one at a time, with all steps under the lock', async () => {
    const gate = rig.gate('gate');
    command('build.sh', WORK);
    command('upload.sh', 'lockstep run deploy -n -q -- true; echo "uploaded, others get $?"');
    const first = npm('deploy');
    await working();
    const second = npm('deploy');
    await rig.line('deploy', 1, 1);
    gate.open();
    expect(await first.ended).toEqual({ status: 0, stdout: 'done\nuploaded, others get 75\n', stderr: '' });
    await working(2);
    gate.open();
    expect((await second.ended).status).toBe(0);
  });

  test.each(['SIGTERM to npm alone', 'Ctrl-C, which all get,'])(
    '%s ends the command, and the lock is free',
    async (how) => {
      rig.gate('gate');
      command('build.sh', WORK);
      const deploy = npm('deploy');
      await working();
      if (how.startsWith('SIGTERM')) deploy.kill('SIGTERM');
      else process.kill(-deploy.pid, 'SIGINT');
      expect((await deploy.ended).status).not.toBe(0);
      const pid = Number(rig.read('working'));
      await until('the command has ended', () => !isAlive(pid));
      await until('the lock is free', () => isFree('deploy'));
    },
  );

  test('without `exec` the command would go on after SIGTERM, and keep the lock', async () => {
    const gate = rig.gate('gate');
    command('build.sh', WORK);
    rig.write('package.json', RECIPES.npmPackage.replace('"exec lockstep run', '"lockstep run'));
    const deploy = rig.start('npm', ['run', '--silent', 'deploy'], { input: '', env: environment() });
    await working();
    deploy.kill('SIGTERM');
    await deploy.exited();
    expect(await isFree('deploy')).toBe(false);
    command('upload.sh', 'true');
    gate.open();
    await until('the lock is free', () => isFree('deploy'));
  });

  test.each([
    ['e2e', 'e2e.sh'],
    ['dev', 'wait.sh'],
  ])('%s runs its servers for as long as its command runs, also when a signal ends npm', async (script, main) => {
    const gate = rig.gate('gate');
    rig.write(
      'server.js',
      "require('node:fs').writeFileSync('server', String(process.pid)); setInterval(() => {}, 1000);",
    );
    command('watch.sh', 'echo $$ > watcher; exec sleep 600');
    command(main, `until [ -s server ]; do :; done\n${WORK}`);
    const running = npm(script);
    await working();
    if (script === 'dev') await until('the watcher runs', () => rig.exists('watcher') && rig.read('watcher') !== '');
    const pids = ['server', 'watcher'].filter((name) => rig.exists(name)).map((name) => Number(rig.read(name)));
    if (script === 'e2e') gate.open();
    else running.kill('SIGTERM');
    const { status } = await running.ended;
    expect(status === 0).toBe(script === 'e2e');
    for (const pid of pids) await until('it is gone', () => !isAlive(pid));
  });
});
