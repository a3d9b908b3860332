import fs from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Lock } from '../../../../lib/index.ts';
import { MAIN, Rig } from '../../../support/cli-rig.ts';

let rig: Rig;
beforeEach(() => {
  rig = new Rig();
});
afterEach(() => rig.end());

describe('the exit status of run', () => {
  test.each([0, 1, 7, 64, 75, 255])('is the command’s own: %i', async (status) => {
    expect(await rig.run('run', 'n', '--', 'sh', '-c', `exit ${status}`)).toEqual({ status, stdout: '', stderr: '' });
  });

  test('is 127 if the command is not found, and 126 if it cannot be run', async () => {
    const plain = rig.write('plain', 'not a program', 0o644);
    expect((await rig.run('run', 'n', '--', 'no-such-command-anywhere')).status).toBe(127);
    expect((await rig.run('run', 'n', '--', rig.path('nowhere/at/all'))).status).toBe(127);
    expect((await rig.run('run', 'n', '--', plain)).status).toBe(126);
    expect((await rig.run('run', 'n', '--', rig.directory)).status).toBe(126);
    expect(await rig.entries('n')).toEqual([]);
  });

  test.each([
    ['KILL', 137],
    ['TERM', 143],
    ['HUP', 129],
  ])('is 128 + n if the command dies of signal n (SIG%s)', async (signal, status) => {
    expect((await rig.run('run', 'n', '--', 'sh', '-c', `kill -${signal} $$`)).status).toBe(status);
    expect(await rig.entries('n')).toEqual([]);
  });
});

test('a wait that nothing can end any more exits 70, and reports a bug: 0 would say that the command was run', async () => {
  const stuck = rig.write('no-timers.cjs', 'globalThis.setTimeout = () => ({ unref() {}, ref() {} });');
  await using _held = await new Lock('n', { store: rig.storePath }).acquire();
  const { status, stdout, stderr } = await rig.start(process.execPath, [
    '-r',
    stuck,
    MAIN,
    'run',
    'n',
    '--',
    'echo',
    'in',
  ]).ended;
  expect([status, stdout]).toEqual([70, '']);
  expect(stderr).toContain('a bug');
  expect(await rig.entries('n')).toHaveLength(1);
});

describe('a command line that makes no sense exits 64, says why, and touches nothing', () => {
  const long = 'n'.repeat(201);
  test.each<[string, string[], RegExp]>([
    ['no verb', [], /missing verb/],
    ['an unknown verb', ['frobnicate'], /frobnicate/],
    ['no command', ['run', 'n'], /missing command behind --/],
    ['nothing behind --', ['run', 'n', '--'], /missing command behind --/],
    ['no name', ['run', '--', 'touch', 'ran'], /NAME/],
    ['an unknown option', ['run', 'n', '--frob', '--', 'touch', 'ran'], /frob/i],
    ['two names', ['run', 'n', 'm', '--', 'touch', 'ran'], /m/],
    ['a bad duration for -w', ['run', 'n', '-w', 'soon', '--', 'touch', 'ran'], /--wait.*'soon'/],
    ['a negative duration', ['run', 'n', '-w', '-5s', '--', 'touch', 'ran'], /wait/],
    ['an empty duration', ['run', 'n', '-w', '', '--', 'touch', 'ran'], /wait/],
    ['a bad duration for -t', ['run', 'n', '-t', '1 fortnight', '--', 'touch', 'ran'], /--timeout/],
    ['a bad duration for --kill-after', ['run', 'n', '--kill-after', 'x', '--', 'touch', 'ran'], /--kill-after/],
    ['-p 0', ['run', 'n', '-p', '0', '--', 'touch', 'ran'], /whole number from 1/],
    ['-p -1', ['run', 'n', '-p', '-1', '--', 'touch', 'ran'], /whole number from 1|argument/],
    ['-p 1.5', ['run', 'n', '-p', '1.5', '--', 'touch', 'ran'], /whole number from 1/],
    ['-p x', ['run', 'n', '-p', 'x', '--', 'touch', 'ran'], /--permits must be a number/],
    ['--take of more than there are', ['run', 'n', '-p', '2', '--take', '3', '--', 'touch', 'ran'], /--take/],
    ['--take of a lock', ['run', 'n', '--take', '2', '--', 'touch', 'ran'], /--take needs --permits/],
    ['an empty name', ['run', '', '--', 'touch', 'ran'], /name must not be empty/],
    ['a name of 201 bytes', ['run', long, '--', 'touch', 'ran'], /200 bytes, and this one has 201/],
    ['-s with -p', ['run', 'n', '-s', '-p', '2', '--', 'touch', 'ran'], /neither --shared/],
    ['-s with -x', ['run', 'n', '-s', '-x', '--', 'touch', 'ran'], /exclude each other/],
    ['-n with -w', ['run', 'n', '-n', '-w', '1s', '--', 'touch', 'ran'], /exclude each other/],
    ['-E 256', ['run', 'n', '-E', '256', '--', 'touch', 'ran'], /0 to 255/],
    ['-E x', ['run', 'n', '-E', 'x', '--', 'touch', 'ran'], /0 to 255/],
    [
      '-c beside words',
      ['run', 'n', '-c', 'touch ran', '--', 'touch', 'ran'],
      /-c and a command behind -- exclude each other/,
    ],
    ['a name beside --file', ['run', 'n', '--file', 'x', '--', 'touch', 'ran'], /NAME and --file exclude each other/],
    ['--file of no file', ['run', '--file', 'nowhere', '--', 'touch', 'ran'], /no such file/],
  ])('%s', async (_, args, words) => {
    const { status, stdout, stderr } = await rig.run(...args);
    expect(stderr).toMatch(words);
    expect(stderr).toMatch(/^lockstep: /);
    expect(stderr).not.toMatch(/a bug|\bat .*\.js:/);
    expect({ status, stdout }).toEqual({ status: 64, stdout: '' });
    expect(rig.exists('ran')).toBe(false);
    expect(rig.exists('store/resources')).toBe(false);
  });

  test('a name of 200 bytes is not too long', async () => {
    expect((await rig.run('run', 'n'.repeat(200), '--', 'true')).status).toBe(0);
  });

  test('a name that is another kind’s: both kinds are named, and nothing is changed', async () => {
    await rig.run('run', 'n', '-p', '2', '--', 'true');
    const [journal = ''] = fs.readdirSync(rig.path('store/resources/n')).filter((name) => name.startsWith('journal'));
    const before = rig.read(`store/resources/n/${journal}`);
    for (const options of [[], ['-p', '3'], ['-s']]) {
      const { status, stderr } = await rig.run('run', 'n', ...options, '--', 'touch', 'ran');
      expect(status).toBe(64);
      expect(stderr).toContain('semaphore of 2 permits');
      expect(stderr).toContain(options[0] === '-p' ? 'semaphore of 3 permits' : 'opened as a lock');
    }
    expect(rig.exists('ran')).toBe(false);
    expect(rig.read(`store/resources/n/${journal}`)).toBe(before);
    expect((await rig.run('run', 'n', '-p', '2', '--', 'true')).status).toBe(0);
  });
});

describe('a store that cannot be trusted exits 74, and nothing runs', () => {
  async function refused(words: RegExp): Promise<void> {
    const { status, stderr } = await rig.run('run', 'n', '--', 'touch', 'ran');
    expect(stderr).toMatch(words);
    expect(stderr).toContain(rig.storePath);
    expect(status).toBe(74);
    expect(rig.exists('ran')).toBe(false);
  }

  test('a file', async () => {
    fs.writeFileSync(rig.storePath, 'precious');
    await refused(/not a directory/);
    expect(rig.read('store')).toBe('precious');
  });

  test('a symbolic link', async () => {
    fs.mkdirSync(rig.path('real'), { mode: 0o700 });
    fs.symlinkSync(rig.path('real'), rig.storePath);
    await refused(/symbolic link/);
    expect(fs.readdirSync(rig.path('real'))).toEqual([]);
  });

  test('a directory that everybody may write in', async () => {
    fs.mkdirSync(rig.storePath);
    fs.chmodSync(rig.storePath, 0o777);
    await refused(/others may write/);
    expect(fs.readdirSync(rig.storePath)).toEqual([]);
  });

  test('the same for one that --dir names', async () => {
    const file = rig.write('file', '');
    expect((await rig.run('run', 'n', '--dir', file, '--', 'touch', 'ran')).status).toBe(74);
  });
});

describe('not acquired exits 75, and nothing runs', () => {
  test('-n: at once, and says who is in the way', async () => {
    const holder = await rig.hold('n');
    const { status, stdout, stderr } = await rig.run('run', 'n', '-n', '--', 'touch', 'ran');
    expect({ status, stdout }).toEqual({ status: 75, stdout: '' });
    expect(stderr).toMatch(/^lockstep: n: not free now: held by pid \d+ \(sh -c .*\) on \S+ for .*\n$/);
    expect(rig.exists('ran')).toBe(false);
    await rig.line('n', 1, 0);
    await holder.letGo();
    expect((await rig.run('run', 'n', '-n', '--', 'touch', 'ran')).status).toBe(0);
    expect(rig.exists('ran')).toBe(true);
  });

  test('-w: after that long; -w 0 is -n', async () => {
    await rig.hold('n');
    const from = performance.now();
    const { status, stderr } = await rig.run('run', 'n', '-w', '150ms', '--', 'touch', 'ran');
    expect(performance.now() - from).toBeGreaterThanOrEqual(150);
    expect(status).toBe(75);
    expect(stderr).toMatch(/^lockstep: n: not acquired within 150ms: held by pid/);
    expect((await rig.run('run', 'n', '-w', '0', '--', 'touch', 'ran')).status).toBe(75);
    expect(rig.exists('ran')).toBe(false);
    await rig.line('n', 1, 0);
  });

  test('-E chooses another code', async () => {
    await rig.hold('n');
    expect((await rig.run('run', 'n', '-n', '-E', '0', '--', 'true')).status).toBe(0);
    expect((await rig.run('run', 'n', '-w', '1ms', '-E', '99', '--', 'true')).status).toBe(99);
    expect((await rig.run('run', 'n', '--nb', '--conflict-exit-code=12', '--', 'true')).status).toBe(12);
  });

  test('-q says nothing; -v says when it was acquired, and with which token', async () => {
    const holder = await rig.hold('n');
    expect((await rig.run('run', 'n', '-q', '-n', '--', 'true')).stderr).toBe('');
    expect((await rig.run('run', 'n', '-q', '-w', '1ms', '--', 'true')).stderr).toBe('');
    await holder.letGo();
    const { stdout, stderr } = await rig.run('run', 'n', '-v', '--', 'sh', '-c', 'echo $LOCKSTEP_TOKEN');
    expect(stderr).toMatch(new RegExp(`^lockstep: n: acquired after \\S+, token ${stdout.trim()}\n$`));
  });
});

describe('--timeout', () => {
  test('ends the command, exits 124 and frees the lock', async () => {
    const { status, stderr } = await rig.lockstep(['run', 'n', '-t', '150ms', '--', 'sh', '-c', 'read -r _']).ended;
    expect(status).toBe(124);
    expect(stderr).toContain('still running after 150ms');
    expect(await rig.entries('n')).toEqual([]);
  });

  test('exits 124 even if the command then ends well', async () => {
    const command = 'trap "echo tidied; exit 0" TERM; while :; do read -r _; done';
    const { status, stdout } = await rig.lockstep(['run', 'n', '-t', '2s', '--', 'sh', '-c', command]).ended;
    expect({ status, stdout }).toEqual({ status: 124, stdout: 'tidied\n' });
  });

  test('kills a command that ignores SIGTERM, after --kill-after', async () => {
    const command = 'trap "" TERM; echo $$; read -r _';
    const args = ['run', 'n', '-t', '2s', '--kill-after', '100ms', '--', 'sh', '-c', command];
    const from = performance.now();
    const { status, stdout } = await rig.lockstep(args).ended;
    expect(performance.now() - from).toBeGreaterThanOrEqual(2_100);
    expect(status).toBe(124);
    expect(() => process.kill(Number(stdout), 0)).toThrow();
    expect(await rig.entries('n')).toEqual([]);
  });

  test('does not touch a command that ends in time', async () => {
    for (const limit of ['1h', '30d', '100y']) {
      const result = await rig.run(
        'run',
        'n',
        '-t',
        limit,
        '--kill-after',
        limit,
        '--',
        'sh',
        '-c',
        'sleep 0.1; exit 3',
      );
      expect(result).toMatchObject({ status: 3, stderr: '' });
    }
  });
});
