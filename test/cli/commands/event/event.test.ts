import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Rig } from '../../../support/cli-rig.ts';

let rig: Rig;
beforeEach(() => {
  rig = new Rig();
});
afterEach(() => rig.end());

const SILENCE = { status: 0, stdout: '', stderr: '' };

describe('event wait', () => {
  test('goes on when the event is set, and so does whoever comes later, until it is cleared', async () => {
    const waiters = [rig.lockstep(['event', 'wait', 'ready']), rig.lockstep(['event', 'wait', 'ready'])];
    await rig.line('ready', 0, 2);
    expect(await rig.run('event', 'set', 'ready')).toEqual(SILENCE);
    expect(await Promise.all(waiters.map(({ ended }) => ended))).toEqual([SILENCE, SILENCE]);
    expect(await rig.run('event', 'wait', 'ready')).toEqual(SILENCE);
    expect(await rig.run('event', 'clear', 'ready')).toEqual(SILENCE);
    const later = rig.lockstep(['event', 'wait', 'ready']);
    await rig.line('ready', 0, 1);
    await rig.run('event', 'set', 'ready');
    expect(await later.ended).toEqual(SILENCE);
    expect(await rig.entries('ready')).toEqual([]);
  });

  test('goes on though the event was cleared right after it was set', async () => {
    const waiter = rig.lockstep(['event', 'wait', 'ready']);
    await rig.line('ready', 0, 1);
    // Stopped, it cannot look before both have happened.
    waiter.kill('SIGSTOP');
    await rig.run('event', 'set', 'ready');
    await rig.run('event', 'clear', 'ready');
    waiter.kill('SIGCONT');
    expect(await waiter.ended).toEqual(SILENCE);
    expect((await rig.run('event', 'wait', 'ready', '-n')).status).toBe(75);
  });

  test('-n only asks: 0 or 75, or what -E says, without a word or a trace', async () => {
    expect(await rig.run('event', 'wait', 'ready', '-n')).toEqual({ ...SILENCE, status: 75 });
    expect(await rig.run('event', 'wait', 'ready', '--nonblock', '-E', '3')).toEqual({ ...SILENCE, status: 3 });
    expect(await rig.store.names()).toEqual([]);
    await rig.run('event', 'set', 'ready');
    expect(await rig.run('event', 'wait', 'ready', '-n')).toEqual(SILENCE);
  });

  test('-w: 75 after that long, or what -E says, and what would have ended it; it leaves nothing in line', async () => {
    const stderr = 'lockstep: ready: the event was not set within 50ms; `lockstep event set ready` sets it\n';
    expect(await rig.run('event', 'wait', 'ready', '-w', '50ms')).toEqual({ status: 75, stdout: '', stderr });
    expect((await rig.run('event', 'wait', 'ready', '-w', '50ms', '-E', '3')).status).toBe(3);
    expect(await rig.entries('ready')).toEqual([]);
  });

  test.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('%s ends it, and leaves nothing in line', async (signal) => {
    const waiter = rig.lockstep(['event', 'wait', 'ready']);
    await rig.line('ready', 0, 1);
    waiter.kill(signal);
    const { status, stdout, stderr } = await waiter.ended;
    expect([signal, { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 }[signal]]).toContain(status);
    expect(stdout + stderr).toBe('');
    expect(await rig.entries('ready')).toEqual([]);
  });

  test('one that was killed (SIGKILL) keeps nobody from going on', async () => {
    const killed = rig.lockstep(['event', 'wait', 'ready']);
    await rig.line('ready', 0, 1);
    const waiter = rig.lockstep(['event', 'wait', 'ready']);
    await rig.line('ready', 0, 2);
    killed.kill('SIGKILL');
    await killed.ended;
    await rig.run('event', 'set', 'ready');
    expect(await waiter.ended).toEqual(SILENCE);
  });

  test('in a script is what its && says', async () => {
    const script = rig.script('lockstep event wait ready && echo served; lockstep event wait never -n || echo "no $?"');
    await rig.line('ready', 0, 1);
    await rig.run('event', 'set', 'ready');
    expect(await script.ended).toEqual({ ...SILENCE, stdout: 'served\nno 75\n' });
  });
});

test('set and clear say nothing, and may be said again', async () => {
  for (const action of ['clear', 'set', 'set', 'clear', 'clear'])
    expect(await rig.run('event', action, 'ready')).toEqual(SILENCE);
});

test('status shows who waits, with what they wait for', async () => {
  const waiter = rig.lockstep(['event', 'wait', 'database ready']);
  await rig.line('database ready', 0, 1);
  const [line] = JSON.parse((await rig.run('status', '--json')).stdout);
  expect(line).toMatchObject({ resource: 'database ready', kind: 'event', value: 0 });
  expect(line.entries).toMatchObject([
    { state: 'waiting', pid: waiter.pid, command: 'event wait database ready', deadlock: false, stale: false },
  ]);
  expect((await rig.run('status')).stdout).toMatch(
    /^database ready +event +waiting +\d+ .* event wait database ready /m,
  );
});

test.each([
  ['no action', ['event'], 'missing ACTION (set, clear, wait) and NAME: lockstep event set|clear|wait NAME'],
  ['no name', ['event', 'set'], 'missing NAME: lockstep event set|clear|wait NAME'],
  ['a wrong action', ['event', 'frob', 'ready'], 'ACTION must be one of "set", "clear", "wait", not "frob"'],
  ['an empty name', ['event', 'set', ''], 'name must not be empty'],
  ['one word too many', ['event', 'set', 'ready', 'steady'], 'unexpected argument: steady'],
  ['-n with -w', ['event', 'wait', 'ready', '-n', '-w', '3'], '--nonblock and --wait exclude each other'],
  ['a -w that is none', ['event', 'wait', 'ready', '-w', 'soon'], '--wait takes a duration'],
  ['a -E that is none', ['event', 'wait', 'ready', '-E', '256'], '--conflict-exit-code must be a whole number'],
  ['a command', ['event', 'wait', 'ready', '--', 'serve'], 'event takes no command: omit --'],
])('%s exits 64 with words, and changes nothing', async (_, args, words) => {
  const { status, stdout, stderr } = await rig.run(...args);
  expect({ status, stdout }).toEqual({ status: 64, stdout: '' });
  expect(stderr).toContain(words);
  expect(stderr).toMatch(/^lockstep: .*\n(lockstep: see `lockstep event --help`\n)?$/);
  expect(rig.exists('store/resources')).toBe(false);
});

test('an event’s name is no lock’s, and a lock’s no event’s', async () => {
  await rig.run('event', 'set', 'ready');
  await rig.run('run', 'deploy', '--', 'true');
  expect(await rig.run('run', 'ready', '--', 'touch', 'ran')).toMatchObject({
    status: 64,
    stderr: expect.stringMatching(
      /^lockstep: ready: is an event, and was opened as a lock\. Nothing was changed\. .*\n$/,
    ),
  });
  expect(rig.exists('ran')).toBe(false);
  for (const action of ['set', 'clear', 'wait'])
    expect(await rig.run('event', action, 'deploy')).toMatchObject({
      status: 64,
      stderr: expect.stringMatching(/^lockstep: deploy: is a lock, and was opened as an event\. .*\n$/),
    });
  expect((await rig.run('event', 'wait', 'ready', '-n')).status).toBe(0);
});
