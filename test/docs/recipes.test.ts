import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Result, Rig, until } from '../support/cli-rig.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const PAGE = fs.readFileSync(`${ROOT}docs/recipes.md`, 'utf8');

let rig: Rig;
beforeEach(() => {
  rig = new Rig();
  fs.mkdirSync(rig.path('bin'));
  rig.write('bin/lockstep', '#!/bin/sh\nexec node "$MAIN" "$@"\n', 0o755);
  fs.symlinkSync(process.execPath, rig.path('bin/node'));
});
afterEach(() => rig.end());

/** The blocks of one recipe, in one language. */
function blocks(recipe: string, language: string): string[] {
  const section = PAGE.split(/^## /m).find((text) => text.startsWith(`${recipe}\n`));
  if (section === undefined) throw new Error(`docs/recipes.md has no recipe named ${recipe}`);
  return [...section.matchAll(new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\`$`, 'gms'))].map(([, text = '']) => text);
}

/** A command of the recipe's: it says its name and its words. */
function command(name: string, script = `echo "${name.replace(/.*\//, '')} $*"`): void {
  rig.write(name, `#!/bin/sh\n${script}\n`, 0o755);
}

/** As bare as cron's. */
function bareEnvironment(): Record<string, string> {
  return {
    PATH: `${rig.path('bin')}:/usr/bin:/bin`,
    LOCKSTEP_DIR: rig.storePath,
    MAIN: `${ROOT}dist/cli/main.js`,
  };
}

/** By a real shell, in an environment as bare as cron's. */
function run(text: string, options: { args?: string[]; seconds?: number } = {}): Promise<Result> {
  const file = rig.write(`recipe.${Math.random()}.sh`, text);
  const env = Object.entries(bareEnvironment()).map(([name, value]) => `${name}=${value}`);
  return rig.start('env', ['-i', ...env, '/bin/sh', file, ...(options.args ?? [])], { input: '' }).ended;
}

/** Runs its arguments where /tmp is empty, but for the directory that it is called in and that of the program. */
const PRIVATE_TMP = [
  'set -e; mount --make-rprivate /; here=$PWD; root=$(dirname "$(dirname "$(dirname "$MAIN")")")',
  'mount -t tmpfs none /mnt; mkdir /mnt/here /mnt/root; mount --bind "$here" /mnt/here; mount --bind "$root" /mnt/root',
  'mount -t tmpfs none /tmp; mkdir -p "$here" "$root"; mount --bind /mnt/here "$here"; mount --bind /mnt/root "$root"',
  'cd "$here"; exec "$@"',
].join('; ');

/** Why no other users and no mount namespaces can be had; empty if they can. */
function whyNotOthers(): string {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'this needs Linux, and root';
  if (!has('unshare', '-m', 'true')) return 'this needs a mount namespace: unshare -m';
  const other = ['--reuid=61001', '--regid=61001', '--clear-groups', process.execPath, `${ROOT}dist/cli/main.js`];
  return has('setpriv', ...other, '--version') ? '' : 'other users cannot read the program';
}

/** The commands of a crontab's lines, with what this machine has in the place of what theirs has. */
function cronCommands(crontab: string): string[] {
  const lines = crontab.split('\n').filter((line) => line !== '' && !/^(#|[A-Z]+=)/.test(line));
  return lines.map((line) => {
    const fields = /^(?:@\w+|(?:\S+\s+){4}\S+)\s+(.*)$/.exec(line)?.[1] ?? '';
    expect(fields, line).not.toBe('');
    return fields
      .replaceAll('/usr/local/bin/', `${rig.path('bin')}/`)
      .replaceAll(/\/var\/(lib|log)\/(\S*\/)?/g, `${rig.directory}/`);
  });
}

function has(program: string, ...args: string[]): boolean {
  return spawnSync(program, args).status === 0;
}

describe('a crontab line', () => {
  const [before = '', after = '', more = ''] = blocks('A crontab line', 'crontab');

  test.skipIf(!has('flock', '--version'))('does with Lockstep what it did with flock', async () => {
    command('bin/backup.sh');
    for (const crontab of [before, after]) {
      const [line = ''] = cronCommands(crontab);
      const quiet = crontab === after;
      const lock = rig.path('backup.lock');
      expect(await run(line.replace('/tmp/backup.lock', lock))).toEqual({
        status: 0,
        stdout: quiet ? '' : 'backup.sh \n',
        stderr: '',
      });
    }
  });

  test('is skipped while the run before is there, mails what fails, and is seen in jobs and history', async () => {
    const [line = ''] = cronCommands(after);
    const gate = rig.gate('gate');
    command(
      'bin/backup.sh',
      `echo in >> ${rig.path('in')}; read -r _ < ${rig.path('gate')}; echo "no such bucket"; exit 3`,
    );
    const first = run(line);
    await until('it is in', () => rig.exists('in'));
    expect(await run(line)).toEqual({ status: 0, stdout: '', stderr: '' });
    const [look = ''] = blocks('A crontab line', 'sh').filter((text) => text.includes('lockstep jobs'));
    // By hand it is refused, as the recipe says.
    expect(await run(look)).toMatchObject({ status: 75, stdout: expect.stringMatching(/^backup .* running +for /m) });
    gate.open();
    expect(await first).toMatchObject({
      status: 3,
      stdout: 'no such bucket\n',
      stderr: expect.stringContaining('exit code 3'),
    });
    const { status, stdout, stderr } = await run(look);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toMatch(/^backup .* failed/m);
    expect(stdout).toMatch(/ failed .*\n.* skipped /);
    expect(rig.read('in')).toBe('in\n');
  });

  test('the PATH that it is advised to have is one on which a bare environment finds both', async () => {
    const [ask = ''] = blocks('A crontab line', 'sh').filter((text) => text.startsWith('echo "PATH='));
    const { stdout } = await run(ask);
    const path = stdout.trim().replace('PATH=', '');
    expect(path).toMatch(/:\/usr\/bin:\/bin$/);
    const { status } = spawnSync('env', [
      '-i',
      `PATH=${path}`,
      '/bin/sh',
      '-c',
      'command -v lockstep && command -v node',
    ]);
    expect(status).toBe(0);
  });

  test('each of the other lines runs, and says nothing', async () => {
    const pings: string[] = [];
    const server = http.createServer((request, response) => {
      pings.push(request.url ?? '');
      response.end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    try {
      const lines = cronCommands(more);
      expect(lines).toHaveLength(6);
      for (const line of lines) {
        const [, script = ''] = / -- (\S+)$/.exec(line) ?? [];
        command(`bin/${script}`);
        const here = line
          .replace('https://hc-ping.com', `http://127.0.0.1:${(server.address() as AddressInfo).port}`)
          .replace('--splay 10m', '--splay 10ms');
        expect(await run(here), line).toEqual({ status: 0, stdout: '', stderr: '' });
      }
    } finally {
      server.close();
      server.closeAllConnections();
    }
    expect(pings.map((url) => url.replace(/\?.*/, ''))).toEqual(['/your-uuid/start', '/your-uuid']);
    expect(rig.read('pull.log')).toBe('pull.sh \n');
  });
});

test.skipIf(!has('systemd-analyze', '--version'))('the systemd units are ones that systemd takes', () => {
  const [service = '', timer = ''] = blocks('A systemd timer', 'ini');
  const [unit = ''] = blocks('A unit with `PrivateTmp`', 'ini');
  rig.write(
    'private.service',
    unit.replaceAll('/usr/local/bin/', `${rig.path('bin')}/`).replace('User=deploy', 'User=root'),
  );
  command('bin/backup.sh');
  rig.write('backup.service', service.replaceAll('/usr/local/bin/', `${rig.path('bin')}/`));
  rig.write('backup.timer', timer);
  const files = ['backup.service', 'backup.timer', 'private.service'].map((name) => rig.path(name));
  const { status, stderr } = spawnSync('systemd-analyze', ['verify', ...files], { encoding: 'utf8' });
  expect({ status, stderr: stderr.split('\n').filter((line) => line.includes(rig.directory)) }).toEqual({
    status: 0,
    stderr: [],
  });
});

describe('being notified', () => {
  test('--check says what is not well, and the file for Prometheus has the figures that the alerts ask for', async () => {
    const [check = '', write = ''] = blocks('Alerts for missed jobs', 'crontab').map((text) => cronCommands(text)[0]);
    await run('lockstep job well -- true; lockstep job ill -q -- sh -c "exit 3"');
    const { status, stdout } = await run(check);
    expect({ status, stdout }).toEqual({ status: 1, stdout: expect.stringMatching(/^ill: failed.*\n$/) });
    expect(await run(write)).toEqual({ status: 0, stdout: '', stderr: '' });
    const figures = rig.read('lockstep.prom');
    const [rules = ''] = blocks('Alerts for missed jobs', 'yaml');
    const asked = [...rules.matchAll(/\blockstep_\w+/g)].map(([name]) => name);
    expect(asked).toHaveLength(2);
    for (const name of asked) expect(figures).toMatch(new RegExp(`^${name}\\{job="ill"\\} [01]$`, 'm'));
  });
});

test('the deploy script holds the lock over all its commands, and a failure or a kill gives it back', async () => {
  const [script = ''] = blocks('A deploy script', 'sh');
  command('migrate');
  command('restart', `lockstep run deploy -n -q -- true; echo "restart, and others get $?"`);
  const done = await run(script);
  expect(done).toMatchObject({ status: 0, stderr: '' });
  expect(done.stdout).toMatch(/^migrate --fencing-token \d+\nrestart, and others get 75\n$/);
  command('migrate', 'exit 9');
  expect(await run(script)).toMatchObject({ status: 9 });
  expect(await run('lockstep run deploy -n -- true')).toMatchObject({ status: 0 });
  const gate = rig.gate('gate');
  command('migrate', `echo $PPID > ${rig.path('pid')}; read -r _ < ${rig.path('gate')}`);
  const killed = run(script);
  await until('it migrates', () => rig.exists('pid') && rig.read('pid') !== '');
  process.kill(Number(rig.read('pid')), 'SIGKILL');
  gate.open();
  await killed;
  expect(await run('lockstep run deploy -w 10s -- true')).toMatchObject({ status: 0 });
});

describe('a part of a script under a lock', () => {
  const [flock = '', whole = '', part = ''] = blocks('A part of a script under a lock', 'sh');
  const forms = [
    ['flock', flock, 'flock -n report.lock true'],
    ['lockstep run', whole, 'lockstep run report -n -q -- true'],
    ['lockstep acquire', part, 'lockstep run report -n -q -- true'],
  ] as const;

  test.skipIf(!has('flock', '--version')).each(forms)(
    'with %s is refused while another one runs, and the lock is free behind it',
    async (_, text, other) => {
      const here = text.replace('/tmp/', '');
      command('collect', 'echo $PPID >> collected; read -r _ < gate');
      command('report', `${other} && echo overlap >> overlaps; echo report`);
      command('notify', `${other}; echo "notify, and others get $?"`);
      const gate = rig.gate('gate');
      const first = run(here);
      await until('it collects', () => rig.exists('collected'));
      // The script goes on, as it did with flock.
      expect((await run(here)).stdout).toMatch(/^notify, and others get [1-9]\d*\n$/);
      gate.open();
      expect(await first).toEqual({ status: 0, stdout: 'report\nnotify, and others get 0\n', stderr: '' });
      expect([rig.read('collected').trim().split('\n').length, rig.exists('overlaps')]).toEqual([1, false]);
    },
  );

  test('is free when its subshell is killed, though the script goes on', async () => {
    command('collect', 'echo $PPID > collected.part; mv collected.part collected; read -r _ < gate');
    command('notify', 'lockstep run report -n -- true; echo "others get $?"');
    const gate = rig.gate('gate');
    const first = run(part);
    await until('it collects', () => rig.exists('collected'));
    process.kill(Number(rig.read('collected')), 'SIGKILL');
    // What it has started would not end with it.
    gate.open();
    expect((await first).stdout).toBe('others get 0\n');
  });

  test('would be held until the script ends with $$', async () => {
    for (const name of ['collect', 'report']) command(name, ':');
    command('notify', 'lockstep run report -n -q -- true; echo "others get $?"');
    const wrong = part.replace(`"$(exec sh -c 'echo $PPID')"`, () => '$$');
    expect(wrong).not.toBe(part);
    expect((await run(wrong)).stdout).toBe('others get 75\n');
    expect((await run(part)).stdout).toBe('others get 0\n');
  });
});

describe.skipIf(whyNotOthers() !== '')('one store for root and a user', () => {
  const [make = '', use = '', beside = ''] = blocks('One store for root and a user', 'sh');
  const USER = 61_001;
  const as = `setpriv --reuid=${USER} --regid=${USER} --clear-groups`;

  test('excludes them from each other, and is refused to who does not say that it is shared', async () => {
    fs.chmodSync(rig.directory, 0o755);
    const here = (text: string) =>
      text.replaceAll('/var/lib/lockstep', rig.path('shared')).replace('deploy /', `${USER} /`);
    expect(await run(here(make.replace('-g deploy', `-g ${USER}`)))).toMatchObject({ status: 0, stderr: '' });
    command('deploy.sh', `echo in; read -r _ < ${rig.path('gate')}`);
    const gate = rig.gate('gate');
    fs.chmodSync(rig.path('gate'), 0o666);
    rig.write('use.sh', here(use), 0o755);
    for (const [first, second] of [
      ['', as],
      [as, ''],
    ]) {
      const holder = rig.start('sh', ['-c', `exec ${first} sh use.sh`], { env: bareEnvironment(), input: '' });
      await holder.says('in');
      const refused = await run(`exec ${second} sh use.sh`);
      expect(refused).toMatchObject({ status: 75, stderr: expect.stringContaining('deploy: not free now: held by') });
      gate.open();
      expect((await holder.ended).status).toBe(0);
    }
    const unshared = here(use).replace(' LOCKSTEP_SHARED=1', '');
    rig.write('unshared.sh', unshared, 0o755);
    for (const who of ['', as]) expect((await run(`${who} sh unshared.sh`)).stderr).toContain('set LOCKSTEP_SHARED=1');
    const stranger = 'setpriv --reuid=61002 --regid=61002 --clear-groups';
    expect((await run(`${stranger} sh use.sh`)).status).toBe(74);
  });

  test('is not needed for the lock of a file', async () => {
    fs.chmodSync(rig.directory, 0o755);
    fs.mkdirSync(rig.path('app'));
    rig.write('app/state.json', '{}');
    for (const file of ['app', 'app/state.json']) fs.chownSync(rig.path(file), USER, USER);
    const line = beside.replace('sudo ', '').replace('/srv/', `${rig.directory}/`);
    command(
      'migrate',
      `${as} lockstep run --file ${rig.path('app/state.json')} -n -q -- true; echo "the user gets $?"`,
    );
    // In the directory of the recipe's script.
    expect(await run(line)).toMatchObject({ status: 0, stdout: 'the user gets 75\n' });
    command('migrate', 'echo in');
    expect((await run(`${as} ${line}`)).stdout).toBe('in\n');
  });
});

test.skipIf(whyNotOthers() !== '')(
  'a store in /tmp excludes nobody from a unit with PrivateTmp; the one of the recipe does',
  async () => {
    const [unit = ''] = blocks('A unit with `PrivateTmp`', 'ini');
    const line = /^ExecStart=(.*)$/m.exec(unit)?.[1]?.replaceAll('/usr/local/bin/', `${rig.path('bin')}/`) ?? '';
    expect(/^PrivateTmp=yes$/m.test(unit) && /^Environment=LOCKSTEP_DIR=\/var\/lib\//m.test(unit)).toBe(true);
    command('bin/backup.sh', `echo "in $$"; read -r _ < ${rig.path('gate')}`);
    const gate = rig.gate('gate');
    const inUnit = `unshare --mount sh -c '${PRIVATE_TMP}' sh ${line}`;
    const inTmp = `/tmp/lockstep-recipe-${process.pid}`;
    try {
      for (const [store, status] of [
        [inTmp, 0],
        [rig.storePath, 75],
      ] as const) {
        const env = { ...bareEnvironment(), LOCKSTEP_DIR: store };
        const holder = rig.start('sh', ['-c', `exec ${line}`], { env, input: '' });
        await holder.says(/in \d+/);
        const other = rig.start('sh', ['-c', `exec ${inUnit}`], { env, input: '' });
        if (status === 0) {
          await other.says(/in \d+/);
          gate.open();
        }
        // Not both lines at once: a shell may read more than its own.
        await Promise.race([holder.ended, other.ended]);
        gate.open();
        expect([(await holder.ended).status, (await other.ended).status]).toEqual([0, status]);
      }
      // And from outside a unit is seen, and found dead when it is.
      const env = { ...bareEnvironment(), LOCKSTEP_DIR: rig.storePath };
      const unitHolds = rig.start('sh', ['-c', `exec ${inUnit}`], { env, input: '' });
      const [, pid] = await unitHolds.says(/in (\d+)/);
      expect((await run(line)).status).toBe(75);
      process.kill(Number(pid), 'SIGKILL');
      await unitHolds.ended;
      gate.open();
      expect((await run(line)).status).toBe(0);
    } finally {
      fs.rmSync(inTmp, { recursive: true, force: true });
    }
  },
);

test('xargs -P never has more than four at it, and goes on with all of them', async () => {
  const [few = '', slow = ''] = blocks('`xargs -P`, slowed down', 'sh');
  // Each takes one of four places, which are there but once.
  const places = [1, 2, 3, 4]
    .map((place) => `{ mkdir place${place} 2>/dev/null && place=place${place}; }`)
    .join(' || ');
  command('fetch', `${places} || { echo too many; exit 1; }\necho "$1"; rmdir "$place"`);
  const urls = Array.from({ length: 12 }, (_, index) => `u${index}`);
  rig.write('urls', `${urls.join('\n')}\n`);
  const { status, stdout } = await run(few);
  expect(status).toBe(0);
  expect(stdout.trim().split('\n').sort()).toEqual(urls.sort());
  command('fetch', 'date +%s%N >> times');
  const first = await run(slow);
  expect(first.status).toBe(0);
  const times = rig
    .read('times')
    .trim()
    .split('\n')
    .map((time) => Number(time) / 1e6)
    .sort((a, b) => a - b);
  expect(times).toHaveLength(12);
  // A permit is kept for a second, so the fourth after any one begins no sooner than that; but each writes its time a little
  // after it began. Without the rule it would be a few ms.
  times.slice(4).forEach((time, at) => {
    expect(time - (times[at] ?? 0)).toBeGreaterThan(500);
  });
});

test.skipIf(!has('jq', '--version'))('a shared JSON file loses no update', async () => {
  const [edit = '', read = '', both = ''] = blocks('A shared JSON file with `jq`', 'sh');
  rig.write('state.json', '{"deployments": 0}\n');
  const edits = await Promise.all(Array.from({ length: 8 }, () => run(edit)));
  expect(edits.map(({ status, stderr }) => [status, stderr])).toEqual(Array(8).fill([0, '']));
  expect(await run(read)).toEqual({ status: 0, stdout: '8\n', stderr: '' });
  expect(await run(both)).toMatchObject({ status: 0 });
  expect(rig.read('report.txt')).toBe('8\n');
  expect(JSON.parse(rig.read('state.json'))).toEqual({ deployments: 8, last: 'web1' });
});

test('of those who want to lead one leads, and when it is killed the next one does, with a greater token', async () => {
  const [lead = ''] = blocks('Leader election by lock', 'sh');
  command('serve', `echo "$$ $LOCKSTEP_TOKEN" >> ${rig.path('terms')}; read -r _ < ${rig.path('gate')}`);
  rig.gate('gate');
  const terms = () =>
    (rig.exists('terms') ? rig.read('terms').trim().split('\n') : []).map((line) => line.split(' ').map(Number));
  const candidates = [1, 2, 3].map(() => run(lead));
  for (let term = 1; term <= 3; term++) {
    await until(`there is a leader for term ${term}`, () => terms().length >= term);
    await rig.line('leader', 1, 3 - term);
    expect(terms()).toHaveLength(term);
    process.kill(terms().at(-1)?.[0] ?? 0, 'SIGKILL');
  }
  await Promise.all(candidates);
  const tokens = terms().map(([, token = 0]) => token);
  expect(tokens).toEqual([...tokens].sort((a, b) => a - b));
  expect(new Set(tokens).size).toBe(3);
});

describe('moving', () => {
  test.skipIf(!has('flock', '--version'))(
    'from flock one by one: both locks at once exclude who has only one of them',
    async () => {
      const [both = ''] = blocks('From `flock`', 'sh');
      const lock = rig.path('backup.lock');
      command(
        'backup.sh',
        `flock -n ${lock} true; echo "flock $?"; lockstep run backup -n -q -- true; echo "lockstep $?"`,
      );
      expect(await run(both.replace('/tmp/backup.lock', lock))).toEqual({
        status: 0,
        stdout: 'flock 1\nlockstep 75\n',
        stderr: '',
      });
    },
  );

  test('from GNU sem: at most as many at a time as it says, and all of them', async () => {
    const [loop = ''] = blocks('From GNU `sem`', 'sh');
    command(
      'render',
      '{ mkdir a 2>/dev/null && place=a; } || { mkdir b 2>/dev/null && place=b; } || exit 1\necho "$1" >> done; rmdir $place',
    );
    expect(await run(loop)).toMatchObject({ status: 0, stderr: '' });
    expect(rig.read('done').trim().split('\n').sort()).toEqual(['1', '2', '3', '4', '5', '6']);
  });

  test('from a pid file: exactly one goes on', async () => {
    const line = blocks('From a pid file', 'sh')[1] ?? '';
    const gate = rig.gate('gate');
    const script = `${line}\necho on >> ${rig.path('on')}; read -r _ < ${rig.path('gate')}`;
    const first = run(script);
    await until('it goes on', () => rig.exists('on'));
    expect(await run(script)).toEqual({ status: 0, stdout: '', stderr: expect.stringContaining('app: not free now') });
    gate.open();
    await first;
    expect(rig.read('on')).toBe('on\n');
  });

  test.each([
    ['Leader election by lock', /^leading, term \d+\n$/],
    ['From `proper-lockfile`', /^true\n$/],
  ])('the program of "%s" runs', async (recipe, says) => {
    const [program = ''] = blocks(recipe, 'ts');
    // In the checkout, because there the package finds itself by its own name.
    const directory = fs.mkdtempSync(`${ROOT}build/recipes-`);
    try {
      fs.writeFileSync(`${directory}/main.mjs`, `${program}\nprocess.exitCode = 0;\n`);
      const { status, stdout, stderr } = await rig.start(process.execPath, [`${directory}/main.mjs`], { input: '' })
        .ended;
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
      expect(stdout).toMatch(says);
    } finally {
      fs.rmSync(directory, { recursive: true });
    }
  });
});
