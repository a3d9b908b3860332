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

/** By a real shell, in an environment as bare as cron's. */
function run(text: string, options: { args?: string[]; seconds?: number } = {}): Promise<Result> {
  const file = rig.write(`recipe.${Math.random()}.sh`, text);
  const env = [
    `PATH=${rig.path('bin')}:/usr/bin:/bin`,
    `LOCKSTEP_DIR=${rig.storePath}`,
    `MAIN=${ROOT}dist/cli/main.js`,
  ];
  return rig.start('env', ['-i', ...env, '/bin/sh', file, ...(options.args ?? [])], { input: '' }).ended;
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

  test('the PATH that it is told to have is one on which a bare environment finds both', async () => {
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
  command('bin/backup.sh');
  rig.write('backup.service', service.replaceAll('/usr/local/bin/', `${rig.path('bin')}/`));
  rig.write('backup.timer', timer);
  const files = [rig.path('backup.service'), rig.path('backup.timer')];
  const { status, stderr } = spawnSync('systemd-analyze', ['verify', ...files], { encoding: 'utf8' });
  expect({ status, stderr: stderr.split('\n').filter((line) => line.includes(rig.directory)) }).toEqual({
    status: 0,
    stderr: [],
  });
});

describe('being told', () => {
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
