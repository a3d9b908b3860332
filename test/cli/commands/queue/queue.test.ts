import fs from 'node:fs';
import { Queue } from 'lockstep';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { isAlive, Rig, until } from '../../../support/cli-rig.ts';

let rig: Rig;
beforeEach(() => {
  rig = new Rig();
});
afterEach(() => rig.end());

/** What is printed, and nothing else, by a call that goes well. */
async function printed(...args: string[]): Promise<string> {
  const { status, stdout, stderr } = await rig.run('queue', ...args);
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  return stdout;
}

const queueOf = (name = 'q') => new Queue<unknown>(name, { store: rig.store });

test('put adds at the end, get prints the oldest and marks it done, and without an action the numbers are printed', async () => {
  expect(await printed('q')).toBe('0 queued, 0 taken, 0 waiting\n');
  expect(await printed('q', 'put', 'a', 'b c', '--', '-d')).toBe('');
  expect(await printed('q')).toBe('3 queued, 0 taken, 0 waiting\n');
  expect(await printed('q', 'get')).toBe('a\n');
  expect(await printed('q', 'get', '--json')).toBe('{"value":"b c","sequence":2,"attempt":1}\n');
  expect(await printed('q', '--json')).toBe('{"queued":1,"taken":0,"waiting":0}\n');
  expect(await printed('q', 'put', '--json', '{"to": [1]}')).toBe('');
  expect(await printed('q', 'get')).toBe('-d\n');
  expect(await printed('q', 'get')).toBe('{"to":[1]}\n');
  expect((await rig.run('status', '--all')).stdout).toMatch(/^q +queue +empty /m);
});

test('put reads lines from the standard input, and get ends with 75 where there is nothing', async () => {
  for (const words of [['-'], []]) {
    const put = rig.lockstep(['queue', 'q', 'put', ...words], { input: 'x\ny z\n' });
    expect(await put.ended).toMatchObject({ status: 0, stderr: '' });
  }
  for (const line of ['x', 'y z', 'x', 'y z']) expect(await printed('q', 'get', '-n')).toBe(`${line}\n`);
  expect(await rig.run('queue', 'q', 'get', '-n')).toEqual({ status: 75, stdout: '', stderr: '' });
  expect((await rig.run('queue', 'q', 'get', '-w', '10ms', '-E', '3')).status).toBe(3);
});

test('a put to a full queue waits, or ends with 75; a join waits until all is done', async () => {
  await printed('q', 'put', 'a', '--max-size', '1');
  expect((await rig.run('queue', 'q', 'put', 'b', '--max-size', '1', '-n')).status).toBe(75);
  expect((await rig.run('queue', 'q', 'join', '-w', '10ms')).status).toBe(75);
  const put = rig.lockstep(['queue', 'q', 'put', 'b', '--max-size', '1']);
  const join = rig.lockstep(['queue', 'q', 'join']);
  await (await queueOf().get()).done();
  expect(await put.ended).toMatchObject({ status: 0 });
  await (await queueOf().get()).done();
  expect(await join.ended).toMatchObject({ status: 0, stdout: '', stderr: '' });
});

test('run gives each item to a command, as its last word and in the environment, and ends with -n when there is no more', async () => {
  await printed('q', 'put', 'a', 'b c');
  const text = 'echo "$1" "$LOCKSTEP_ITEM" "$LOCKSTEP_NAME" "$LOCKSTEP_TOKEN"';
  const stdout = await printed('q', 'run', '-n', '--', 'sh', '-c', text, 'sh');
  expect(stdout).toMatch(/^a a q \d+\nb c b c q \d+\n$/);
  expect(await queueOf().status()).toEqual({ queued: 0, taken: 0, waiting: 0 });
});

test('an item at which the command fails is tried again, and then moved aside; the others go on', async () => {
  await printed('q', 'put', 'bad', 'good');
  const text = 'echo "$1"; test "$1" = good';
  const { status, stdout, stderr } = await rig.run(
    'queue',
    'q',
    'run',
    '-n',
    '--attempts',
    '2',
    '--',
    'sh',
    '-c',
    text,
    'sh',
  );
  expect({ status, stdout }).toEqual({ status: 0, stdout: 'bad\nbad\ngood\n' });
  expect(stderr).toContain('item 1 failed 2 times: moved to the queue q.failed');
  expect(await printed('q.failed', 'get', '-n')).toBe('bad\n');
  expect(await queueOf().status()).toEqual({ queued: 0, taken: 0, waiting: 0 });
});

test('an item whose takers died as often as it may be tried is moved aside without being tried', async () => {
  await printed('q', 'put', 'deadly');
  const queue = queueOf();
  for (let at = 0; at < 2; at++) await (await queue.get()).giveBack();
  const { stdout, stderr } = await rig.run('queue', 'q', 'run', '-n', '--attempts', '2', '--', 'echo');
  expect(stdout).toBe('');
  expect(stderr).toContain('was taken 2 times, and never done: moved to the queue q.failed');
  expect(await queueOf('q.failed').size()).toBe(1);
});

test('the item of a wrapper that is killed goes to another one as soon as its command is gone, too, and not before', async () => {
  await printed('q', 'put', 'a');
  const pidFile = rig.path('pid');
  const run = rig.lockstep([
    'queue',
    'q',
    'run',
    '--',
    'sh',
    '-c',
    `echo $$ > ${pidFile}.new; mv ${pidFile}.new ${pidFile}; exec sleep 1000`,
    'sh',
  ]);
  await until('the command runs', () => fs.existsSync(pidFile));
  const pid = Number(fs.readFileSync(pidFile, 'utf8'));
  process.kill(run.pid, 'SIGKILL');
  // Its output stays open as long as the command runs.
  await until('the wrapper is gone', () => !run.running);
  expect(isAlive(pid)).toBe(true);
  expect(await queueOf().get({ timeout: 200 })).toBeNull();
  expect(await queueOf().status()).toEqual({ queued: 0, taken: 1, waiting: 0 });
  const waiting = queueOf().get();
  process.kill(pid, 'SIGKILL');
  expect(await waiting).toMatchObject({ value: 'a', attempt: 2 });
});

test('SIGTERM ends the command, and its item is given back; without an item the wrapper just ends', async () => {
  const idle = rig.lockstep(['queue', 'idle', 'run', '--', 'true']);
  await until('it waits', async () => (await queueOf('idle').status()).waiting === 1);
  process.kill(idle.pid, 'SIGTERM');
  expect((await idle.ended).status).toBe(143);
  expect(await queueOf('idle').status()).toEqual({ queued: 0, taken: 0, waiting: 0 });
  await printed('q', 'put', 'a');
  const run = rig.lockstep(['queue', 'q', 'run', '--', 'sh', '-c', 'echo runs; exec sleep 1000', 'sh']);
  await until('the command runs', () => run.stdout === 'runs\n');
  process.kill(run.pid, 'SIGTERM');
  expect((await run.ended).status).toBe(143);
  expect(await queueOf().get({ timeout: 0 })).toMatchObject({ value: 'a', attempt: 2 });
});

test('what is no use of a queue is refused, and nothing is done', async () => {
  const refused = async (...args: string[]) => {
    const { status, stdout, stderr } = await rig.run('queue', ...args);
    expect({ status, stdout }).toEqual({ status: 64, stdout: '' });
    return stderr;
  };
  expect(await refused('q', 'pop')).toContain("a queue is used by put, get, run, join, not 'pop'");
  expect(await refused('q', 'get', 'a')).toContain('unexpected arguments: a');
  expect(await refused('q', 'get', '--', 'a')).toContain('a command behind -- goes with run');
  expect(await refused('q', 'run')).toContain('missing command behind --');
  expect(await refused('q', 'get', '--max-size', '3')).toContain('--max-size goes with put');
  expect(await refused('q', 'put', 'a', '--max-size', '0')).toContain('maxSize must be a whole number');
  expect(await refused('q', 'put', '--json', '{')).toContain('with --json each item is JSON');
  expect(await refused('q', 'put', 'a', '-')).toContain('- stands for the lines of the standard input, and alone');
  expect(await refused('q', 'run', '--attempts', '0', '--', 'true')).toContain('--attempts must be a whole number');
  expect(await rig.store.names()).toEqual([]);
});
