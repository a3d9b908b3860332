import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Program, Rig, until } from '../../../support/cli-rig.ts';

let rig: Rig;
beforeEach(() => {
  rig = new Rig();
});
afterEach(() => rig.end());

const HEADINGS = ['NAME', 'STATE', 'SINCE', 'AGE', 'PID', 'HOST', 'COMMAND', 'REASON'];
const LOCAL = expect.stringMatching(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/);
const ISO = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);

function cellsOf(table: string): string[][] {
  const lines = table.trimEnd().split('\n');
  const starts = HEADINGS.map((heading) => lines[0]?.indexOf(heading) ?? -1);
  return lines.map((line) => starts.map((start, at) => line.slice(start, starts[at + 1]).trim()));
}

/** A program that reports until it is told to end, with the status it is told. */
async function reporter(name: string): Promise<Program> {
  const program = rig.lockstep(['beat', name, '--every', '20ms', '--', 'sh', '-c', 'echo in; read -r s; exit $s']);
  await program.says('in');
  return program;
}

async function end(program: Program, status: number): Promise<void> {
  program.write(`${status}\n`);
  await program.ended;
}

describe('monitor --once', () => {
  test('is an aligned table, and exits 0 if all are well', async () => {
    const alive = await reporter('host');
    await rig.run('beat', 'a job that is done', '--', 'true');
    const { status, stdout, stderr } = await rig.run('monitor', '--once');
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const [headings, done, host] = cellsOf(stdout);
    expect(headings).toEqual(HEADINGS);
    expect(done?.slice(0, 3)).toEqual(['a job that is done', 'ended', LOCAL]);
    expect(done?.slice(6)).toEqual(['true', 'it ended well']);
    expect(host).toEqual([
      'host',
      'alive',
      LOCAL,
      expect.stringMatching(/^\d+m?s$/),
      String(alive.pid),
      os.hostname(),
      'sh -c echo in; read -r s; exit $s',
      '-',
    ]);
  });

  test('exits 1 if one is gone, late or unknown, and names which', async () => {
    const late = await reporter('late');
    await reporter('alive');
    await rig.run('beat', 'failed', '--', 'sh', '-c', 'exit 3');
    late.kill('SIGSTOP');
    rig.write('store/beats/garbage', '{"lockstep":"beat"');
    await until(
      'it is late',
      async () => (await rig.run('monitor', 'late', '--once', '--max-age', '200ms')).status === 1,
    );
    const { status, stdout } = await rig.run('monitor', '--once', '--max-age', '200ms');
    expect(status).toBe(1);
    const states = cellsOf(stdout).map(([name, state, , , , , , reason]) => [name, state, reason]);
    expect(states.slice(1)).toEqual([
      ['alive', 'alive', '-'],
      ['failed', 'gone', 'it failed with exit code 3'],
      ['garbage', 'unknown', 'its file is not a report'],
      ['late', 'late', 'it does not beat, but its process is there'],
    ]);
    for (const name of ['late', 'failed', 'garbage'])
      expect((await rig.run('monitor', name, '--once', '--max-age', '200ms')).status).toBe(1);
    expect((await rig.run('monitor', 'alive', '--once')).status).toBe(0);
  });

  test('says nothing, and exits 0, if nobody ever reported; but 1 for a name that should have', async () => {
    expect(await rig.run('monitor', '--once')).toEqual({ status: 0, stdout: '', stderr: '' });
    const { status, stdout } = await rig.run('monitor', 'n', '--once');
    expect(status).toBe(1);
    expect(cellsOf(stdout)[1]).toEqual(['n', 'unknown', '-', '-', '-', '-', '-', 'it never reported']);
  });

  test('--json says the same to programs', async () => {
    await rig.run('beat', 'failed', '--every', '2s', '--', 'sh', '-c', 'exit 3');
    const { status, stdout } = await rig.run('monitor', 'failed', 'never', '--once', '--json');
    expect(status).toBe(1);
    expect(JSON.parse(stdout)).toEqual([
      {
        name: 'failed',
        state: 'gone',
        since: ISO,
        reason: 'it failed with exit code 3',
        ageMs: expect.any(Number),
        everyMs: 2_000,
        pid: expect.any(Number),
        host: os.hostname(),
        command: 'sh -c exit 3',
        exitCode: 3,
      },
      expect.objectContaining({ name: 'never', state: 'unknown', since: null, pid: null, ageMs: null }),
    ]);
    expect((await rig.run('monitor', '--once', '--json', '--dir', rig.path('empty'))).stdout).toBe('[]\n');
  });

  test('shows control characters of a hostile report, and does not let them act', async () => {
    await rig.run('beat', 'a\x1b[31m\nb', '--', 'true');
    const { stdout } = await rig.run('monitor', '--once');
    expect(cellsOf(stdout)[1]?.[0]).toBe('a\\x1b[31m\\x0ab');
    expect(stdout.replaceAll('\n', '')).not.toMatch(/\p{Cc}/u);
  });

  test('is not hung or broken by what else is in the store, and changes none of it', async () => {
    await rig.run('beat', 'n', '--', 'true');
    execFileSync('mkfifo', [rig.path('store/beats/fifo')]);
    fs.symlinkSync('/dev/zero', rig.path('store/beats/link'));
    fs.mkdirSync(rig.path('store/beats/directory'));
    for (const name of ['__proto__', 'constructor', '%E0%A4%A', '%6e', 'x~0'])
      rig.write(`store/beats/${name}`, '{"__proto__":{"lockstep":"beat"}}');
    const before = fs.readdirSync(rig.path('store/beats'));
    const { status, stdout, stderr } = await rig.run('monitor', '--once');
    expect({ status, stderr }).toEqual({ status: 1, stderr: '' });
    const states = cellsOf(stdout).slice(1);
    expect(states.filter(([, state]) => state === 'unknown')).toHaveLength(8);
    expect(states.filter(([name, state]) => name === 'n' && state === 'ended')).toHaveLength(1);
    expect(fs.readdirSync(rig.path('store/beats'))).toEqual(before);
  });
});

describe('monitor', () => {
  test('prints how all are, and then every change, also of those who come later', async () => {
    const host = await reporter('host');
    await rig.run('beat', 'failed', '--', 'sh', '-c', 'exit 3');
    const monitor = rig.lockstep(['monitor', '--max-age', '300ms']);
    const at = '\\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d';
    const now = `${at}\\.\\d{3}`;
    await monitor.says(
      new RegExp(
        `^${now}  failed  gone  since ${at} \\(it failed with exit code 3\\), last heartbeat \\S+ before$`,
        'm',
      ),
    );
    await monitor.says(new RegExp(`^${now}  host  alive  pid ${host.pid} on ${os.hostname()}, every 20ms$`, 'm'));
    host.kill('SIGSTOP');
    await monitor.says(
      new RegExp(`^${now}  host  late  since ${at} \\(it does not beat, .*\\), last heartbeat \\S+ before$`, 'm'),
    );
    host.kill('SIGCONT');
    await monitor.says(/host {2}late[\s\S]*host {2}alive/);
    const later = await reporter('later');
    await monitor.says(new RegExp(`  later  alive  pid ${later.pid} `));
    later.kill('SIGKILL');
    await monitor.says(/ {2}later {2}gone {2}since \S+ \S+ \(its process is gone\), last heartbeat \S+ before\n/);
    await end(host, 0);
    await monitor.says(/ {2}host {2}ended {2}since \S+ \S+ \(it ended well\)\n/);
    const newer = await reporter('host');
    await monitor.says(new RegExp(`  host  alive  pid ${newer.pid} `));
    fs.rmSync(rig.path('store/beats/failed'));
    await monitor.says(/ {2}failed {2}unknown {2}\(its report was taken away\)\n/);
    monitor.kill('SIGTERM');
    const { stdout, stderr } = await monitor.ended;
    expect(stderr).toBe('');
    expect(stdout.trimEnd().split('\n')).toHaveLength(9);
  });

  test('watches only those named, also before they report', async () => {
    await reporter('other');
    const monitor = rig.lockstep(['monitor', 'n', '--max-age', '200ms']);
    await monitor.says(/ {2}n {2}unknown {2}\(it never reported\)\n/);
    const program = await reporter('n');
    await monitor.says(new RegExp(`  n  alive  pid ${program.pid} `));
    expect(monitor.stdout).not.toContain('other');
  });

  test('--json is one object a line', async () => {
    const program = await reporter('n');
    const monitor = rig.lockstep(['monitor', '--json', '--max-age', '200ms']);
    await monitor.says('"alive"');
    program.kill('SIGKILL');
    await monitor.says('"gone"');
    const lines = monitor.stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines).toMatchObject([
      { time: ISO, name: 'n', state: 'alive', was: 'unknown', pid: program.pid, everyMs: 20 },
      { time: ISO, name: 'n', state: 'gone', was: 'alive', pid: program.pid, reason: 'its process is gone' },
    ]);
  });

  test.each([
    ['SIGINT', '130'],
    ['SIGTERM', '143'],
  ] as const)('%s ends it, as a shell reports it: status %s', async (signal, status) => {
    await rig.run('beat', 'n', '--', 'true');
    const script = rig.script('trap : INT TERM; "$NODE" "$MAIN" monitor; echo "status $?"');
    await script.says('ended');
    process.kill(-script.pid, signal);
    await script.says(`status ${status}`);
  });

  test('ends silently when nobody reads on', async () => {
    await rig.run('beat', 'n', '--', 'false');
    const script = rig.script('{ lockstep monitor --max-age 50ms; echo "status $?" >&2; } | head -n 1', { input: '' });
    await script.says('gone');
    // It notices when it next has something to say.
    await until('it has ended', async () => {
      await rig.run('beat', 'n', '--', 'true');
      return !script.running;
    });
    expect((await script.ended).stderr).toBe('status 0\n');
  });
});

describe('monitor --exec', () => {
  const TELL =
    'echo "$LOCKSTEP_NAME|$LOCKSTEP_STATE|$LOCKSTEP_WAS|$LOCKSTEP_SINCE|$LOCKSTEP_PID|$LOCKSTEP_HOST|$LOCKSTEP_REASON" >> told';

  async function told(count: number): Promise<string[]> {
    await until(`it was told ${count} times`, () => rig.exists('told') && rig.read('told').split('\n').length > count);
    return rig.read('told').trimEnd().split('\n');
  }

  test('is run on a change with the facts in its environment, and not for those who are well at the start', async () => {
    const program = await reporter('n');
    const monitor = rig.lockstep(['monitor', '--max-age', '300ms', '--exec', TELL]);
    await monitor.says('alive');
    program.kill('SIGKILL');
    const [first = '', ...others] = await told(1);
    expect(others).toEqual([]);
    const [name, state, was, since, pid, host, reason] = first.split('|');
    expect([name, state, was, since, pid, host, reason]).toEqual([
      'n',
      'gone',
      'alive',
      ISO,
      String(program.pid),
      os.hostname(),
      'its process is gone',
    ]);
  });

  test('is reported by a monitor that was started after the death', async () => {
    const program = await reporter('n');
    program.kill('SIGKILL');
    await program.ended;
    rig.lockstep(['monitor', '--exec', TELL]);
    expect((await told(1))[0]).toMatch(/^n\|gone\|unknown\|/);
  });

  test('is run by --once too, before that exits', async () => {
    await rig.run('beat', 'bad', '--', 'false');
    await rig.run('beat', 'good', '--', 'true');
    expect((await rig.run('monitor', '--once', '--exec', TELL)).status).toBe(1);
    expect(await told(1)).toEqual([expect.stringMatching(/^bad\|gone\|unknown\|.*\|it failed with exit code 1$/)]);
  });

  test('runs one at a time, and gets only the newest of what happened meanwhile', async () => {
    const gate = rig.gate('gate');
    await rig.run('beat', 'n', '--', 'false');
    const monitor = rig.lockstep(['monitor', '--max-age', '50ms', '--exec', `${TELL}; read -r _ < gate`]);
    await told(1);
    for (const [at, status] of [0, 3, 0, 0].entries()) {
      await rig.run('beat', 'n', '--', 'sh', '-c', `exit ${status}`);
      await until('it was seen', () => monitor.stdout.match(/ {2}(gone|ended) {2}/g)?.length === at + 2);
    }
    gate.open();
    const [first, second, ...others] = await told(2);
    expect([first, second]).toEqual([
      expect.stringMatching(/^n\|gone\|unknown\|/),
      expect.stringMatching(/^n\|ended\|gone\|/),
    ]);
    expect(others).toEqual([]);
    gate.open();
    await rig.run('beat', 'n', '--', 'false');
    // It may have been seen alive first, or, where that takes its time, late.
    expect((await told(3))[2]).toMatch(/^n\|(alive|late|gone)\|ended\|/);
    gate.open();
  });
});

test.each([
  [['monitor', '--max-age', 'soon'], '--max-age takes a duration'],
  [['monitor', ''], 'must not be empty'],
  [['monitor', '--exec'], 'exec'],
])('%j makes no sense: exit 64', async (args, says) => {
  const { status, stdout, stderr } = await rig.run(...args);
  expect({ status, stdout, stderr }).toEqual({ status: 64, stdout: '', stderr: expect.stringContaining(says) });
});
