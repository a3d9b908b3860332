import fs from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { isAlive, MAIN, Rig, until } from '../../../support/cli-rig.ts';

let rig: Rig;
beforeEach(() => {
  rig = new Rig();
});
afterEach(() => rig.end());

interface Seen {
  name: string;
  state: string;
  pid: number;
  reason: string;
  command: string;
  everyMs: number;
  exitCode: number | null;
}

async function seen(name: string): Promise<Seen> {
  return JSON.parse((await rig.run('monitor', name, '--once', '--json')).stdout)[0];
}

async function reported(name: string): Promise<void> {
  await until(`${name} has reported`, () => rig.exists(`store/beats/${name}`));
}

describe('beat NAME -- CMD', () => {
  test('reports while the command runs, and its clean end', async () => {
    const program = rig.lockstep(['beat', 'n', '--every', '800ms', '--', 'sh', '-c', 'echo in; read -r _']);
    await program.says('in');
    const command = 'sh -c echo in; read -r _';
    expect(await seen('n')).toMatchObject({ state: 'alive', pid: program.pid, everyMs: 800, command });
    program.write('\n');
    expect(await program.ended).toEqual({ status: 0, stdout: 'in\n', stderr: '' });
    expect(await seen('n')).toMatchObject({ state: 'ended', exitCode: 0 });
  });

  test.each([
    ['exit 3', 3],
    ['kill -9 $$', 137],
    ['exec /no/such/thing', 127],
  ])('passes the status of `%s` through, and reports it as a failure', async (text, status) => {
    expect((await rig.run('beat', 'n', '--', 'sh', '-c', text)).status).toBe(status);
    expect(await seen('n')).toMatchObject({ state: 'gone', reason: `it failed with exit code ${status}` });
  });

  test('a command that is not there is a failure too', async () => {
    expect((await rig.run('beat', 'n', '--', '/no/such/thing')).status).toBe(127);
    expect(await seen('n')).toMatchObject({ state: 'gone', exitCode: 127 });
  });

  test('hands signals on to the command, which decides', async () => {
    const program = rig.lockstep([
      'beat',
      'n',
      '--',
      'sh',
      '-c',
      'trap "exit 0" TERM; echo in; while :; do read -r _; done',
    ]);
    await program.says('in');
    program.kill('SIGTERM');
    expect((await program.ended).status).toBe(0);
    expect((await seen('n')).state).toBe('ended');
  });

  test('runs the command though no report can be written, and says why', async () => {
    fs.mkdirSync(rig.storePath, { mode: 0o700 });
    rig.write('store/beats', 'in the way');
    const { status, stdout, stderr } = await rig.run('beat', 'n', '--', 'echo', 'ran');
    expect({ status, stdout }).toEqual({ status: 0, stdout: 'ran\n' });
    expect(stderr).toMatch(/^lockstep: n: cannot report .*store\/beats.* The next heartbeat tries again\.\n$/);
  });

  test('does not run the command if the store cannot be trusted', async () => {
    fs.mkdirSync(rig.storePath);
    fs.chmodSync(rig.storePath, 0o777);
    const { status, stdout, stderr } = await rig.run('beat', 'n', '--', 'echo', 'ran');
    expect({ status, stdout }).toEqual({ status: 74, stdout: '' });
    expect(stderr).toMatch(/cannot be trusted/);
  });
});

describe('beat NAME', () => {
  test('reports until it is killed, which is a death', async () => {
    const program = rig.lockstep(['beat', 'n']);
    await reported('n');
    expect(await seen('n')).toMatchObject({ state: 'alive', everyMs: 1_000 });
    program.kill('SIGTERM');
    expect((await program.ended).status).toBe('SIGTERM');
    expect(await seen('n')).toMatchObject({ state: 'gone', reason: 'its process is gone' });
  });

  test('gives way to a newer reporter, and says so', async () => {
    const older = rig.lockstep(['beat', 'n', '--every', '20ms']);
    await reported('n');
    const newer = rig.lockstep(['beat', 'n', '--every', '20ms']);
    expect(await older.ended).toEqual({
      status: 0,
      stdout: '',
      stderr: 'lockstep: n: a newer reporter has replaced this one\n',
    });
    expect(await seen('n')).toMatchObject({ state: 'alive', pid: newer.pid });
  });
});

describe('beat NAME --pid', () => {
  test('reports a script, and ends when that is gone', async () => {
    const script = rig.script('lockstep beat n --every 20ms --pid $$ & echo "beater $!"; read -r _');
    const [, beater] = await script.says(/beater (\d+)/);
    await reported('n');
    expect(await seen('n')).toMatchObject({ state: 'alive', pid: script.pid, command: expect.stringMatching(/^sh /) });
    script.kill('SIGKILL');
    await script.exited();
    expect(await seen('n')).toMatchObject({ state: 'gone', pid: script.pid });
    await until('the reporter has ended', () => !isAlive(Number(beater)));
    expect(await seen('n')).toMatchObject({ state: 'gone', reason: 'its process is gone' });
  });

  test('a script whose reporter was killed is late, not gone', async () => {
    const script = rig.script('"$NODE" "$MAIN" beat n --every 20ms --pid $$ & echo "beater $!"; read -r _');
    const [, beater] = await script.says(/beater (\d+)/);
    await reported('n');
    process.kill(Number(beater), 'SIGKILL');
    await until('it is late', async () => (await seen('n')).state === 'late');
    expect(await seen('n')).toMatchObject({ pid: script.pid, reason: expect.stringContaining('its process is there') });
  });

  test('of a process that is not there is refused', async () => {
    const { status, stderr } = await rig.run('beat', 'n', '--pid', '2147483647');
    expect({ status, stderr }).toEqual({ status: 64, stderr: expect.stringContaining('there is no such process') });
    expect(rig.exists('store/beats/n')).toBe(false);
  });
});

describe('beat NAME --stop', () => {
  test('is a clean end, said by a script, after which its reporter ends too', async () => {
    const script = rig.script(
      'lockstep beat n --every 20ms --pid $$ & read -r _; lockstep beat n --stop; echo $?; wait; echo "and $?"',
    );
    await reported('n');
    script.write('\n');
    const { status, stdout, stderr } = await script.ended;
    expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: '0\nand 0\n', stderr: '' });
    expect(await seen('n')).toMatchObject({ state: 'ended', pid: script.pid });
  });

  test('acknowledges a failure, and may be said again', async () => {
    await rig.run('beat', 'n', '--', 'false');
    for (let time = 0; time < 2; time++)
      expect(await rig.run('beat', 'n', '--stop')).toEqual({ status: 0, stdout: '', stderr: '' });
    expect((await seen('n')).state).toBe('ended');
    expect(rig.read('store/beats/n').split('\n')).toHaveLength(3);
  });

  test('exits 1 if there is no report', async () => {
    expect(await rig.run('beat', 'n', '--stop')).toEqual({
      status: 1,
      stdout: '',
      stderr: 'lockstep: n: there is no report to stop\n',
    });
  });

  test('does not touch what is no report', async () => {
    await rig.run('beat', 'other', '--', 'true');
    rig.write('store/beats/n', 'mine');
    const { status, stderr } = await rig.run('beat', 'n', '--stop');
    expect({ status, stderr }).toEqual({ status: 74, stderr: expect.stringContaining('is not a report') });
    expect(rig.read('store/beats/n')).toBe('mine');
  });
});

test.each([
  [['beat'], 'missing NAME'],
  [['beat', ''], 'must not be empty'],
  [['beat', 'n', '--'], 'missing command behind --'],
  [['beat', 'n', '--every', 'soon'], '--every takes a duration'],
  [['beat', 'n', '--every', '1ms'], 'from 10 to 86400000, not 1'],
  [['beat', 'n', '--every', '2 days', '--', 'echo'], 'not 172800000'],
  [['beat', 'n', '--pid', 'x'], '--pid must be'],
  [['beat', 'n', '--pid', '1', '--', 'echo'], '--pid and a command behind -- exclude each other'],
  [['beat', 'n', '--stop', '--pid', '1'], '--stop takes neither'],
  [['beat', 'n', '--stop', '--', 'echo'], '--stop takes neither'],
])('%j makes no sense: exit 64, and nothing is run', async (args, says) => {
  const { status, stdout, stderr } = await rig.run(...args);
  expect({ status, stdout, stderr }).toEqual({ status: 64, stdout: '', stderr: expect.stringContaining(says) });
});

test('both verbs work under cron: no terminal, no HOME, hardly a PATH', async () => {
  const script = rig.write(
    'job.sh',
    `lockstep() { '${process.execPath}' '${MAIN}' "$@"; }
    lockstep beat well --dir store -- true
    lockstep monitor --dir store --once >/dev/null; echo "well: $?"
    lockstep beat ill --dir store -- false
    lockstep monitor --dir store --once --exec 'echo "$LOCKSTEP_NAME $LOCKSTEP_STATE"' | tail -n 1
    lockstep monitor --dir store --once >/dev/null; echo "ill: $?"
    lockstep beat ill --dir store --stop
    lockstep monitor --dir store --once | cut -d ' ' -f 1`,
  );
  const program = rig.start('/usr/bin/env', ['-i', 'PATH=/usr/bin:/bin', 'sh', script], { input: '' });
  expect(await program.ended).toEqual({
    status: 0,
    stdout: 'well: 0\nill gone\nill: 1\nNAME\nill\nwell\n',
    stderr: '',
  });
});
