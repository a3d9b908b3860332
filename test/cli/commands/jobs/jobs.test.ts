import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { ProcessFacts } from '../../../../lib/host/host.ts';
import { nodeHost } from '../../../../lib/host/node-host.ts';
import { jobDirectory } from '../../../../lib/jobs/record-format.ts';
import type { Run } from '../../../../lib/jobs/run.ts';
import { MAIN, type Program, Rig, until } from '../../../support/cli-rig.ts';
import {
  ALIVE,
  DAY,
  GONE,
  HOUR,
  MINUTE,
  type RunWishes,
  runAt,
  runningSince,
  writeRuns,
} from '../../../support/recorded-run.ts';

let rig: Rig;
beforeEach(() => {
  rig = new Rig();
  vi.stubEnv('LC_ALL', 'C.UTF-8');
});
afterEach(() => {
  vi.unstubAllEnvs();
  return rig.end();
});

const HEADINGS = ['NAME', 'LAST', 'RESULT', 'TOOK', 'TYPICAL', 'NEXT DUE', 'RUNS', 'STATE', 'REASON'];
const DAILY = { expect: 'every 24h', graceMs: HOUR } as const;
const ISO = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);

/** A little more than that long ago: whole hours are shown as whole hours, a minute later still. */
function ago(ms: number): number {
  return Date.now() - ms - 1_000;
}

function write(...runs: Run[]): void {
  writeRuns(rig.storePath, runs);
}

function cellsOf(table: string): string[][] {
  const lines = table.trimEnd().split('\n');
  const starts = HEADINGS.map((heading) => lines[0]?.indexOf(heading) ?? -1);
  return lines.map((line) => starts.map((start, at) => line.slice(start, starts[at + 1]).trim()));
}

async function rowsOf(...args: string[]): Promise<string[][]> {
  const { status, stdout, stderr } = await rig.run('jobs', ...args);
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  return cellsOf(stdout).slice(1);
}

async function jsonOf(...args: string[]): Promise<Array<Record<string, unknown>>> {
  return JSON.parse((await rig.run('jobs', '--json', ...args)).stdout);
}

/** A process that only waits, as a command would. */
async function command(): Promise<{ program: Program; facts: ProcessFacts }> {
  const program = rig.start('/bin/sh', ['-c', 'echo in; read -r _']);
  await program.says('in');
  const state = nodeHost.processes.state(program.pid, program.pid);
  if (typeof state !== 'object') throw new Error(`it is ${state}`);
  return { program, facts: { ...ALIVE, pid: program.pid, tid: program.pid, start: state.start } };
}

function attemptOf(facts: ProcessFacts, at: number): Pick<RunWishes, 'attempts'> {
  return { attempts: [{ at, facts, exited: null }] };
}

describe('jobs', () => {
  test('is an aligned table of how each job is, and exits 0 however that is', async () => {
    write(
      runAt(ago(5 * HOUR), { job: 'backup', plan: DAILY, tookMs: 61_000 }),
      runAt(ago(29 * HOUR), { job: 'backup', plan: DAILY, tookMs: 63_000 }),
      runAt(ago(2 * DAY), { job: 'late', plan: DAILY }),
      runAt(ago(DAY), { job: 'sync' }),
      runAt(ago(3 * HOUR), { job: 'sync', outcome: 'failed', code: 3, tookMs: 1_500 }),
    );
    const { status, stdout, stderr } = await rig.run('jobs');
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(cellsOf(stdout)).toEqual([
      HEADINGS,
      ['backup', '5h ago', 'succeeded', '1m 1s', '1m 2s', 'in 18h 59m', '✓✓', 'ok', '-'],
      [
        'late',
        '2d ago',
        'succeeded',
        '1s',
        '1s',
        '1d ago',
        '✓',
        'late',
        'expected 1d ago (every 24h, grace 1h); last success 2d ago',
      ],
      [
        'sync',
        '3h ago',
        'failed (3)',
        '1.5s',
        '1s',
        '-',
        '✓✗',
        'failed',
        expect.stringMatching(/^exit code 3, .* last success 1d ago$/),
      ],
    ]);
  });

  test.each<[string, RunWishes, string, RegExp]>([
    ['timed out', { outcome: 'timed-out', tookMs: HOUR }, 'timed-out', /^timed out, 2h ago, after 1h; no success yet$/],
    ['gave up', { outcome: 'gave-up', tookMs: null, reason: 'held by x' }, 'gave-up', /^gave up, 3h ago \(held by x\)/],
    ['was lost', { outcome: null }, 'lost', /^the run of 3h ago was lost: its process or its machine died/],
    [
      'was killed',
      { outcome: 'failed', code: 137, signal: 'SIGKILL', reason: 'killed by SIGKILL' },
      'failed (SIGKILL)',
      /^exit code 137, .* \(killed by SIGKILL\)/,
    ],
  ])('reports one that %s', async (_, wishes, result, reason) => {
    write(runAt(ago(3 * HOUR), wishes));
    const [row] = await rowsOf();
    expect(row?.slice(1, 3)).toEqual(['3h ago', result]);
    expect(row?.slice(7)).toEqual(['failed', expect.stringMatching(reason)]);
  });

  test.each(['replaced', 'cancelled'] as const)(
    'shows a run that was %s, and judges by the one before',
    async (outcome) => {
      write(runAt(ago(DAY)), runAt(ago(HOUR), { outcome, code: 143 }));
      expect((await rowsOf())[0]?.slice(1)).toEqual(['1h ago', outcome, '1s', '1s', '-', '✓~', 'ok', '-']);
    },
  );

  test('shows which process runs and since when; of several, how many', async () => {
    const permits = { job: 'pool', plan: { permits: 4 } };
    write(
      runningSince(ago(5 * MINUTE), { job: 'mail' }),
      runningSince(ago(5 * MINUTE), permits),
      runningSince(ago(15 * MINUTE), permits),
      runningSince(ago(MINUTE), { ...permits, waitedMs: null }),
      runningSince(ago(MINUTE), { job: 'queue', waitedMs: null }),
    );
    const told = (await rowsOf()).map(([name, , , , , , , state, reason]) => [name, state, reason]);
    const pid = `(pid ${process.pid})`;
    expect(told).toEqual([
      ['mail', 'running', expect.stringMatching(/^for 5m \d+s /)],
      ['pool', 'running', expect.stringMatching(/^2 of 4 running, 1 waiting; the first for 15m \d+s /)],
      ['queue', 'running', expect.stringMatching(/^waiting for 1m \d+s /)],
    ]);
    for (const [, , reason] of told) expect(reason).toContain(pid);
  });

  test('reports a run that is past its timeout, or goes on for two intervals', async () => {
    write(
      runningSince(ago(5 * HOUR), { job: 'hang', plan: { timeoutMs: HOUR } }),
      runningSince(ago(3 * DAY), { job: 'hang for days', plan: DAILY }),
    );
    const told = (await rowsOf()).map((row) => row.slice(7));
    expect(told).toEqual([
      ['stuck', 'running for 5h, past its timeout of 1h'],
      ['stuck', 'running for 3d, and two more were expected since (every 24h)'],
    ]);
  });

  test('reports a run that keeps others out for many of its usual durations, and counts the skips', async () => {
    const skipped = { outcome: 'skipped', waitedMs: null, tookMs: null } as const;
    write(
      runAt(ago(40 * DAY), { tookMs: 22 }),
      runningSince(ago(30 * DAY)),
      runAt(ago(29 * DAY), { ...skipped, skips: { count: 300, since: ago(30 * DAY) } }),
      runAt(ago(MINUTE), { ...skipped, skips: { count: 301, since: ago(30 * DAY) } }),
    );
    const words = `running for 30d, and 301 starts in a row skipped because of it; its last successes took 22ms at most; \`kill ${process.pid}\` ends it`;
    expect((await rowsOf()).map((row) => row.slice(6))).toEqual([['✓▸·301', 'stuck', words]]);
    const { status, stdout } = await rig.run('jobs', '--check');
    expect({ status, stdout }).toEqual({ status: 1, stdout: `n: stuck: ${words}\n` });
    expect(await jsonOf()).toMatchObject([{ stuck: 'blocking', skippedInARow: 301, longestMs: 22 }]);
  });

  test('reports a run whose lockstep job was killed, and then that it is lost', async () => {
    const { program, facts } = await command();
    write(runAt(ago(MINUTE), { outcome: null, ...attemptOf(facts, ago(MINUTE)) }));
    const [row] = await rowsOf();
    expect(row?.slice(7)).toEqual([
      'stuck',
      `running for ${row?.[8]?.match(/1m \d+s/)?.[0]}, but its \`lockstep job\` (pid ${GONE.pid}) is gone: its command (pid ${facts.pid}) will not be ended, and its end will not be recorded`,
    ]);
    await program.letGo();
    expect((await rowsOf())[0]?.[7]).toBe('failed');
  });

  test('shows a command that is stopped, and how to continue it', async () => {
    const { program, facts } = await command();
    write(runningSince(ago(MINUTE), attemptOf(facts, ago(MINUTE))));
    expect((await rowsOf())[0]?.[7]).toBe('running');
    program.kill('SIGSTOP');
    await until('it is stopped', async () => (await rowsOf())[0]?.[7] === 'stuck');
    expect((await rowsOf())[0]?.[8]).toBe(`its command is stopped; \`kill -CONT ${facts.pid}\` continues it`);
    program.kill('SIGCONT');
    await until('it goes on', async () => (await rowsOf())[0]?.[7] === 'running');
  });

  test('shows the host of a run whose processes cannot be seen from here', async () => {
    const facts = { ...ALIVE, host: 'web2', boot: 'another' };
    // Longer ago this machine may have been booted since, and then it is known to be lost.
    write(
      runningSince(ago(MINUTE), { job: 'a', facts }),
      runningSince(ago(1.5 * MINUTE), { job: 'b', facts, plan: { timeoutMs: 1_000, killAfterMs: 0 } }),
    );
    const where = 'on web2, whose processes cannot be seen from here';
    expect((await rowsOf()).map((row) => row.slice(7))).toEqual([
      ['running', expect.stringMatching(new RegExp(`^for 1m \\d+s \\(pid ${process.pid}\\) ${where}$`))],
      ['stuck', expect.stringMatching(new RegExp(`^running for 1m \\d+s ${where}, past its timeout of 1s$`))],
    ]);
  });

  test('shows a run from before the last boot of this machine as lost', async () => {
    const before = Date.now() - os.uptime() * 1_000 - HOUR;
    write(runningSince(before, { facts: { ...ALIVE, boot: 'another' } }));
    expect((await rowsOf()).map((row) => row.slice(7))).toEqual([
      ['failed', expect.stringContaining('was lost: its process or its machine died')],
    ]);
  });

  test('shows a hung run behind any number of newer ones', async () => {
    const newer = Array.from({ length: 60 }, (_, at) => runAt(ago(at * MINUTE), { plan: { permits: 2 } }));
    write(...newer, runningSince(ago(DAY), { plan: { permits: 2, timeoutMs: HOUR } }));
    expect((await rowsOf())[0]?.[7]).toBe('stuck');
  });

  test('shows only those named, once each', async () => {
    write(runAt(ago(HOUR), { job: 'a' }), runAt(ago(HOUR), { job: 'b' }));
    expect((await rowsOf('b', 'b')).map((row) => [row[0], row[7], row[8]])).toEqual([['b', 'ok', '-']]);
  });

  test('of a name that never ran says so, with the one that is like it, and exits 1; but not for a collector', async () => {
    write(runAt(ago(HOUR), { job: 'backup' }));
    const { status, stdout, stderr } = await rig.run('jobs', 'bakcup', 'backup');
    expect([status, stderr]).toEqual([
      1,
      'lockstep: bakcup: no run of a job of that name is recorded: did you mean backup?\n',
    ]);
    expect(stdout).toMatch(/^backup +1h/m);
    expect(stdout).toMatch(/^bakcup .* unknown +it never ran$/m);
    expect(await rig.run('jobs', 'bakcup', '--prometheus')).toMatchObject({ status: 0, stderr: '' });
  });

  test('names the next step if there are none, and exits 0', async () => {
    const none = { status: 0, stdout: '', stderr: '' };
    expect(await rig.run('jobs')).toEqual({
      ...none,
      stderr: 'lockstep: no job has run here yet; `lockstep job NAME -- CMD` runs one and records it\n',
    });
    expect(await rig.run('jobs', '--check')).toEqual(none);
    expect(await rig.run('jobs', '--json')).toEqual({ ...none, stdout: '[]\n' });
    expect(await rig.run('jobs', '--prometheus')).toEqual(none);
  });

  test('shows control characters of a hostile record, and does not let them act', async () => {
    const hostile = 'a\x1b[31m\nb';
    write(runAt(ago(HOUR), { job: hostile, outcome: 'failed', reason: hostile, plan: { expect: hostile } }));
    for (const option of [[], ['--check']]) {
      const { stdout } = await rig.run('jobs', ...option);
      expect(stdout).toContain('a\\x1b[31m\\x0ab');
      expect(stdout.replaceAll('\n', '')).not.toMatch(/\p{Cc}/u);
    }
  });

  test('does not hang or fail on foreign files in the store, and changes none of them', async () => {
    write(
      runAt(ago(HOUR), { job: 'good' }),
      runAt(ago(HOUR), { job: 'future' }),
      runAt(ago(HOUR), { job: '/'.repeat(200) }),
    );
    for (const job of ['future', '/'.repeat(200)]) {
      const directory = jobDirectory(rig.storePath, job);
      for (const file of fs.readdirSync(directory))
        fs.writeFileSync(`${directory}/${file}`, '{"lockstep":"run","version":9}');
    }
    const place = (name: string) => rig.path('store/jobs', name);
    const record = `${String(Date.now()).padStart(15, '0')}-k.run`;
    for (const name of ['fifo in it', 'link in it']) fs.mkdirSync(place(encodeURIComponent(name)));
    execFileSync('mkfifo', [place('fifo'), place(`fifo%20in%20it/${record}`)]);
    fs.symlinkSync('/dev/zero', place(`link%20in%20it/${record}`));
    fs.symlinkSync(place('good'), place('link'));
    for (const name of ['__proto__', '%E0%A4%A', 'x~0']) fs.writeFileSync(place(name), '');
    const before = execFileSync('ls', ['-lR', rig.storePath], { encoding: 'utf8' });
    const rows = await rowsOf();
    const well = rows.filter((row) => row[7] === 'ok').map(([name]) => name);
    expect(well).toEqual(['good']);
    expect(rows.filter((row) => row[7] === 'unknown')).toHaveLength(9);
    expect(rows.every((row) => row[8] !== '')).toBe(true);
    expect((await rig.run('jobs', '--check')).status).toBe(1);
    expect(execFileSync('ls', ['-lR', rig.storePath], { encoding: 'utf8' })).toBe(before);
  });
});

describe('jobs --check', () => {
  test('prints nothing, and exits 0, if all are well', async () => {
    write(runAt(ago(HOUR), { job: 'a', plan: DAILY }), runningSince(ago(MINUTE), { job: 'b' }));
    expect(await rig.run('jobs', '--check')).toEqual({ status: 0, stdout: '', stderr: '' });
  });

  test('is a line for each that is not, and exits 1', async () => {
    write(
      runAt(ago(HOUR), { job: 'fine' }),
      runAt(ago(26 * HOUR), { job: 'late', plan: DAILY }),
      runAt(ago(MINUTE), { job: 'late', plan: DAILY, outcome: 'skipped', tookMs: null }),
      runAt(ago(HOUR), { job: 'bad', outcome: 'failed', code: 3 }),
      runningSince(ago(5 * HOUR), { job: 'hung', plan: { timeoutMs: HOUR } }),
    );
    const { status, stdout, stderr } = await rig.run('jobs', '--check');
    expect({ status, stderr }).toEqual({ status: 1, stderr: '' });
    expect(stdout.split('\n')).toEqual([
      expect.stringMatching(/^bad: failed: exit code 3, (59m \d+s|1h) ago, after 1s; no success yet$/),
      'hung: stuck: running for 5h, past its timeout of 1h',
      expect.stringMatching(
        /^late: late: expected 2h ago \(every 24h, grace 1h\); its newest start, 1m \d+s ago, was skipped; last success 1d 2h ago; if it is not to run any more: `lockstep forget late`$/,
      ),
      '',
    ]);
    expect((await rig.run('jobs', '--check', 'fine')).status).toBe(0);
    for (const name of ['late', 'bad', 'hung']) expect((await rig.run('jobs', '--check', name)).status).toBe(1);
  });

  test('names the way to forget a job that was not started for a week, and is not well', async () => {
    write(
      runAt(ago(6 * DAY), { job: 'new', outcome: 'failed' }),
      runAt(ago(8 * DAY), { job: 'old', outcome: 'failed' }),
    );
    const { stdout } = await rig.run('jobs', '--check');
    expect(stdout.split('\n').map((line) => line.includes('lockstep forget'))).toEqual([false, true, false]);
    expect(stdout).toContain('if it is not to run any more: `lockstep forget old`\n');
  });

  test('finds a name that never ran not well', async () => {
    expect(await rig.run('jobs', 'never', '--check')).toEqual({
      status: 1,
      stdout: 'never: unknown: it never ran\n',
      stderr: 'lockstep: never: no run of a job of that name is recorded\n',
    });
  });

  test('with --json is the JSON of those alone, and the same exit code', async () => {
    write(runAt(ago(HOUR), { job: 'a' }));
    expect(await rig.run('jobs', '--check', '--json')).toEqual({ status: 0, stdout: '[]\n', stderr: '' });
    write(runAt(ago(HOUR), { job: 'b', outcome: 'failed' }));
    const { status, stdout } = await rig.run('jobs', '--check', '--json');
    expect([status, JSON.parse(stdout).map(({ name }: { name: string }) => name)]).toEqual([1, ['b']]);
  });

  test('works under cron: no terminal, no HOME, hardly a PATH', async () => {
    write(runAt(ago(HOUR), { job: 'bad', outcome: 'failed', code: 3 }));
    const line = `'${process.execPath}' '${MAIN}' jobs --dir '${rig.storePath}'`;
    const script = `${line} --check || echo "exit $?"; ${line} | cut -d ' ' -f 1; ${line} --prometheus -o jobs.prom && grep -c '^lockstep_job_failed{job="bad"} 1$' jobs.prom`;
    const program = rig.start('/usr/bin/env', ['-i', 'PATH=/usr/bin:/bin', 'sh', '-c', script], { input: '' });
    const { status, stdout, stderr } = await program.ended;
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toMatch(/^bad: failed: exit code 3, .*\nexit 1\nNAME\nbad\n1\n$/);
  });
});

describe('jobs --json', () => {
  test('has all that the table has and more, in ISO times and ms', async () => {
    const began = ago(3 * HOUR);
    write(
      runAt(ago(30 * HOUR), { plan: DAILY, tookMs: 5_000, key: 'k1' }),
      runAt(began, { plan: DAILY, outcome: 'failed', code: 3, waitedMs: 250, tookMs: 1_500, key: 'k2' }),
      runningSince(ago(MINUTE), { plan: DAILY, key: 'k3' }),
      runAt(ago(0), { plan: DAILY, outcome: 'skipped', tookMs: null, by: 'k3', code: 0, key: 'k4' }),
    );
    const [job] = await jsonOf();
    expect(Object.keys(job ?? {})).toEqual([
      'name',
      'state',
      'reason',
      'late',
      'failed',
      'stuck',
      'running',
      'newest',
      'last',
      'lastSuccess',
      'typicalMs',
      'longestMs',
      'skippedInARow',
      'skippedSince',
      'expect',
      'zone',
      'graceMs',
      'dueAt',
    ]);
    expect(job).toMatchObject({
      name: 'n',
      state: 'failed',
      reason: expect.stringMatching(/^exit code 3, .*; late: expected .*; running: for 1m /),
      late: true,
      failed: true,
      stuck: null,
      typicalMs: 5_000,
      longestMs: 5_000,
      skippedInARow: 1,
      skippedSince: ISO,
      expect: 'every 24h',
      graceMs: HOUR,
      dueAt: ISO,
      running: [{ key: 'k3', result: 'running', pid: process.pid, endedAt: null, tookMs: null, code: null }],
      newest: { key: 'k4', result: 'skipped', by: 'k3', beganAt: null, tookMs: null, attempts: [] },
      lastSuccess: { key: 'k1', result: 'succeeded' },
    });
    const exited = { pid: GONE.pid, beganAt: ISO, exitedAt: ISO, code: 3, signal: null, timedOut: false };
    expect(job?.last).toEqual({
      key: 'k2',
      result: 'failed',
      startedAt: new Date(began).toISOString(),
      acquiredAt: new Date(began + 250).toISOString(),
      beganAt: new Date(began + 250).toISOString(),
      endedAt: new Date(began + 1_750).toISOString(),
      waitedMs: 250,
      tookMs: 1_500,
      code: 3,
      signal: null,
      reason: '',
      by: null,
      command: 'sh -c true',
      pid: GONE.pid,
      host: os.hostname(),
      attempts: [exited],
      orphaned: false,
      stopped: null,
      unseen: false,
      plan: expect.objectContaining({ overlap: 'skip', timeoutMs: null, graceMs: HOUR }),
    });
  });

  test('comes whole through a pipe that holds less than all of it; and a reader that leaves early is no disaster', async () => {
    write(...Array.from({ length: 200 }, (_, at) => runAt(ago(HOUR), { job: `job ${at}` })));
    const script =
      'lockstep jobs --json | cat > all.json; lockstep jobs --json | head -n 1; lockstep jobs --json | true';
    const { status, stdout, stderr } = await rig.script(script, { input: '' }).ended;
    expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: '[\n', stderr: '' });
    expect(fs.statSync(rig.path('all.json')).size).toBeGreaterThan(2 ** 18);
    expect(JSON.parse(rig.read('all.json'))).toHaveLength(200);
  });

  test('has the same keys for a job that never ran', async () => {
    write(runAt(ago(HOUR)));
    const [one, other] = await jsonOf('n', 'never');
    expect(Object.keys(other ?? {})).toEqual(Object.keys(one ?? {}));
    expect(other).toMatchObject({ state: 'unknown', last: null, running: [], typicalMs: null, dueAt: null });
  });
});

test.each([
  [['--prometheus', '--json'], '--prometheus excludes --json and --check'],
  [['--prometheus', '--check'], '--prometheus excludes --json and --check'],
  [['-o', 'x.prom'], '--output needs --prometheus'],
  [[''], 'must not be empty'],
])('jobs %j makes no sense, and is an error', async (args, told) => {
  const { status, stdout, stderr } = await rig.run('jobs', ...args);
  expect({ status, stdout }).toEqual({ status: 64, stdout: '' });
  expect(stderr).toContain(told);
  expect(rig.exists('x.prom')).toBe(false);
});
