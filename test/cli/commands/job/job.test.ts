import fs from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { JobRig } from '../../../support/job-rig.ts';

let rig: JobRig;
beforeEach(() => {
  rig = new JobRig();
});
afterEach(() => rig.end());

const NOISE = 'echo out; echo err >&2';

describe('the output', () => {
  test('is nothing when all is well', async () => {
    expect(await rig.job('n', '--', 'sh', '-c', NOISE)).toEqual({ status: 0, stdout: '', stderr: '' });
    expect(rig.ended()).toMatchObject({ outcome: 'succeeded', code: 0, tail: 'out\nerr\n' });
  });

  test('is all the output and one line of our own when the command fails, with its exit code', async () => {
    const { status, stdout, stderr } = await rig.job('n', '--', 'sh', '-c', `${NOISE}; exit 3`);
    expect({ status, stdout }).toEqual({ status: 3, stdout: 'out\nerr\n' });
    expect(stderr).toMatch(/^lockstep: n: failed with exit code 3 after \S+\n$/);
    expect(rig.ended()).toMatchObject({ outcome: 'failed', code: 3, reason: '', tail: 'out\nerr\n' });
  });

  test('names the signal that killed the command, with the status of a shell', async () => {
    const { status, stderr } = await rig.job('n', '--', 'sh', '-c', 'kill -9 $$');
    expect(status).toBe(137);
    expect(stderr).toMatch(/^lockstep: n: was killed by SIGKILL after \S+\n$/);
    const { run } = rig.last();
    expect(run.ended).toMatchObject({ outcome: 'failed', code: 137, reason: 'killed by SIGKILL' });
    expect(run.attempts[0]?.exited).toMatchObject({ code: null, signal: 'SIGKILL', timedOut: false });
  });

  test.each([
    [['nope-no-such-command'], 127],
    [['/'], 126],
  ])('%j cannot be run: its status is the shell’s', async (words, code) => {
    const { status, stdout, stderr } = await rig.job('n', '--retries', '3', '--', ...words);
    expect({ status, stdout }).toEqual({ status: code, stdout: '' });
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
    // It is not even tried.
    expect(rig.last().run.attempts).toHaveLength(0);
  });

  test('is nothing at all with --quiet', async () => {
    expect(await rig.job('n', '-q', '--', 'sh', '-c', `${NOISE}; exit 3`)).toEqual({
      status: 3,
      stdout: '',
      stderr: '',
    });
  });

  test('is everything as it comes with --verbose, once', async () => {
    const gate = rig.gate('gate');
    const program = rig.lockstep([
      'job',
      'n',
      '-v',
      '--',
      'sh',
      '-c',
      'echo first; read -r _ < gate; echo second; exit 4',
    ]);
    await program.says('first');
    gate.open();
    const { status, stdout, stderr } = await program.ended;
    expect({ status, stdout }).toEqual({ status: 4, stdout: 'first\nsecond\n' });
    expect(stderr).toMatch(/^lockstep: n: acquired after .*\nlockstep: n: failed with exit code 4 .*\n$/);
  });

  test('is appended to --log, whether it fails or not', async () => {
    const log = rig.write('log', 'before\n');
    await rig.job('n', '--log', log, '--', 'sh', '-c', NOISE);
    const failed = await rig.job('n', '--log', log, '--', 'sh', '-c', 'echo more; false');
    expect(failed.stdout).toBe('more\n');
    expect(rig.read('log')).toBe('before\nout\nerr\nmore\n');
  });

  test('does not fail when its reader is gone', async () => {
    const script = rig.script(
      'lockstep job n -v -c "yes | head -c 300000; exit 3" | head -n 1; lockstep job n -c "yes | head -c 300000; exit 5" | head -n 1',
    );
    const { stdout } = await script.letGo();
    expect(stdout).toBe('y\ny\n');
    expect(rig.runs().map(({ run }) => run.ended?.code)).toEqual([5, 3]);
  });
});

test('a log that cannot be opened is an error before anything is done, one that fills up none', async () => {
  const { status, stdout, stderr } = await rig.job('n', '--log', rig.path('no/such/log'), '--', 'touch', 'ran');
  expect({ status, stdout, ran: rig.exists('ran') }).toEqual({ status: 74, stdout: '', ran: false });
  expect(stderr).toMatch(/^lockstep: --log .*no\/such\/log: cannot be opened: ENOENT.*did not begin/);
  expect(rig.exists('store')).toBe(false);
  const full = await rig.job('n', '--log', '/dev/full', '--', 'sh', '-c', 'echo a; echo b');
  expect(full).toMatchObject({ status: 0, stdout: '' });
  expect(full.stderr).toMatch(/^lockstep: --log \/dev\/full: cannot be written from here on: ENOSPC.*\n$/);
});

test('an output of 20 MB is bounded: its first part, its last, and how much is missing', async () => {
  const command =
    'i=0; while [ $i -lt 200000 ]; do echo "$i 3456789 123456789 123456789 123456789 123456789 123456789 123456789 123456789 123456789"; i=$((i + 1)); done; exit 1';
  const { stdout } = await rig.job('n', '-c', command);
  expect(stdout.length).toBeLessThan(5_000_000);
  const [first = '', missing = '', last = ''] = stdout.split(
    /^\[lockstep: (\d+) bytes of output are left out here\]\n/m,
  );
  expect(first.startsWith('0 3456789')).toBe(true);
  expect(first.length).toBeGreaterThan(1_000_000);
  expect(last.length).toBeGreaterThan(1_000_000);
  expect(Number(missing)).toBeGreaterThan(10_000_000);
  expect(last.trimEnd().split('\n').at(-1)).toMatch(/^199999 /);
  expect(rig.last().run.ended?.tail).toMatch(/\n199999 .*\n$/);
  expect(fs.readdirSync(rig.jobDirectory())).toHaveLength(1);
});

describe('a run', () => {
  test('is recorded with its options, and the time of each event', async () => {
    const before = Date.now();
    const options = [
      '--timeout',
      '1m',
      '--kill-after',
      '3s',
      '--every',
      '1ms',
      '--retries',
      '2',
      '--expect',
      'every 1h',
      '--grace',
      '5m',
      '-p',
      '2',
    ];
    await rig.job('n', ...options, '--', 'sh', '-c', 'exit 0', 'word\n"');
    const { run, state } = rig.last();
    expect(state).toBe('ended');
    expect(run).toMatchObject({
      job: 'n',
      label: 'sh -c exit 0 word "',
      plan: {
        overlap: 'skip',
        permits: 2,
        timeoutMs: 60_000,
        killAfterMs: 3_000,
        everyMs: 1,
        retries: 2,
        expect: 'every 1h',
        graceMs: 300_000,
      },
      attempts: [{ exited: { code: 0, signal: null } }],
    });
    const times = [
      before,
      run.at,
      run.acquiredAt,
      run.attempts[0]?.at,
      run.attempts[0]?.exited?.at,
      run.ended?.at,
      Date.now(),
    ];
    expect(times).toEqual([...times].sort((a, b) => Number(a) - Number(b)));
    expect(fs.readdirSync(rig.jobDirectory())).toEqual([expect.stringMatching(/^\d{15}-[0-9a-f]+\.run$/)]);
  });

  test('gives its command the run key and the number of the attempt', async () => {
    const command = 'echo "$LOCKSTEP_NAME|$LOCKSTEP_TOKEN|$LOCKSTEP_JOB_RUN|$LOCKSTEP_ATTEMPT"; exit 1';
    const { stdout } = await rig.job('n', '--retries', '1', '--backoff', '0', '-c', command);
    const [first, second] = stdout
      .trimEnd()
      .split('\n')
      .map((line) => line.split('|'));
    const { key } = rig.last().run;
    expect([first, second]).toEqual([
      ['n', expect.stringMatching(/^\d+$/), key, '1'],
      ['n', first?.[1], key, '2'],
    ]);
  });

  test('holds the same lock as `lockstep run`: each excludes the other', async () => {
    const holder = await rig.hold('n');
    expect(await rig.job('n', '--', 'touch', 'ran')).toEqual({ status: 0, stdout: '', stderr: '' });
    await holder.letGo();
    const worker = rig.worker('gate', 'n');
    const gate = rig.gate('gate');
    await worker.says('in ');
    expect((await rig.run('run', 'n', '-n', '--', 'touch', 'ran')).status).toBe(75);
    expect(rig.exists('ran')).toBe(false);
    gate.open();
    expect((await worker.ended).status).toBe(0);
    expect(rig.outcomes()).toEqual(['succeeded', 'skipped']);
  });

  test('may have any name', async () => {
    for (const name of ['../up', 'a/b', '.hidden', '\u{1f512} lock', 'x'.repeat(200), '%'.repeat(150), '__proto__']) {
      expect(await rig.job(name, '--', 'true')).toMatchObject({ status: 0, stderr: '' });
      expect(rig.outcomes(name)).toEqual(['succeeded']);
    }
    expect(fs.readdirSync(rig.directory)).toEqual(['store']);
  });
});

describe('under cron', () => {
  test('a job needs no terminal, no HOME, hardly a PATH, no input', async () => {
    const well = await rig.cron(`lockstep job n -- sh -c 'cat; tty; echo "$PATH|$HOME"'`).ended;
    expect(well).toEqual({ status: 0, stdout: '', stderr: '' });
    expect(rig.last().run.ended?.tail).toBe('not a tty\n/usr/bin:/bin|\n');
    const bad = await rig.cron(`lockstep job n -c 'echo broken; exit 9' <&-`).ended;
    expect(bad).toMatchObject({ status: 9, stdout: 'broken\n' });
  });

  test('a job runs in a directory that was deleted', async () => {
    const gone = rig.path('gone');
    fs.mkdirSync(gone);
    const program = rig.cron(
      `cd '${gone}' && rmdir '${gone}' && lockstep job n -- /bin/echo hi && lockstep run n -- /bin/echo there`,
    );
    expect(await program.ended).toMatchObject({ status: 0, stdout: 'there\n' });
    expect(rig.last().run.ended?.tail).toMatch(/hi\n$/);
  });

  test('a job with its outputs closed ends as its command does', async () => {
    const { stdout } = await rig.cron(`lockstep job n -- sh -c 'echo x; exit 6' >&- 2>&-; echo "status $?"`).ended;
    expect(stdout).toBe('status 6\n');
    expect(rig.ended()).toMatchObject({ outcome: 'failed', code: 6, tail: 'x\n' });
  });
});

test.each([
  [['job', '--', 'true'], 'missing NAME'],
  [['job', '', '--', 'true'], 'must not be empty'],
  [['job', 'n'], 'missing command behind --'],
  [['job', 'n', '--'], 'missing command behind --'],
  [['job', 'n', '-c', 'true', '--', 'true'], '-c and a command behind -- exclude each other'],
  [['job', 'n', '--overlap', 'dance', '--', 'true'], 'overlap'],
  [['job', 'n', '--wait', '1m', '--', 'true'], '--overlap wait'],
  [['job', 'n', '--overlap', 'wait', '-E', '3', '--', 'true'], '--overlap skip'],
  [['job', 'n', '-E', '256', '--', 'true'], '0 to 255'],
  [['job', 'n', '--timeout', 'soon', '--', 'true'], '--timeout takes a duration'],
  [['job', 'n', '--retries', '11', '--', 'true'], '0 to 10'],
  [['job', 'n', '--retries', 'x', '--', 'true'], 'must be a number'],
  [['job', 'n', '--backoff', '1s', '--', 'true'], '--retries'],
  [['job', 'n', '--keep', '0', '--', 'true'], '1 to 10000'],
  [['job', 'n', '--expect', 'daily', '--', 'true'], 'every 24h'],
  [['job', 'n', '--grace', '1h', '--', 'true'], '--expect'],
  [['job', 'n', '--ping', 'ftp://example.org/', '--', 'true'], 'https://hc-ping.com'],
  [['job', 'n', '--ping', 'here', '--', 'true'], 'https://hc-ping.com'],
  [['job', 'n', '--ping', 'https://me:secret@example.org/', '--', 'true'], 'without a user name'],
  [['job', 'n', '--permits', '0', '--', 'true'], 'permits'],
  [['job', 'n', '-q', '-v', '--', 'true'], 'exclude each other'],
])('%j makes no sense: exit 64', async (args, says) => {
  const { status, stdout, stderr } = await rig.run(...args);
  expect({ status, stdout, stderr }).toEqual({ status: 64, stdout: '', stderr: expect.stringContaining(says) });
});

test('a job whose name is in use for another number of permits does not begin, and that is recorded', async () => {
  await rig.job('n', '-p', '2', '--', 'true');
  const { status, stderr } = await rig.job('n', '-p', '3', '--', 'touch', 'ran');
  expect(status).toBe(64);
  expect(stderr).toMatch(/^lockstep: n: is a semaphore.*\n/);
  expect(rig.exists('ran')).toBe(false);
  expect(rig.ended()).toMatchObject({ outcome: 'failed', code: 64, reason: expect.stringContaining('semaphore') });
});
