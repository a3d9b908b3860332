import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { isAlive, until } from '../../../support/cli-rig.ts';
import { JobRig } from '../../../support/job-rig.ts';

let rig: JobRig;
beforeEach(() => {
  rig = new JobRig();
});
afterEach(() => rig.end());

/**
 * A tree: a child in the background, a grandchild in a session of its own, one whose parent will be gone before it, and an orphan in
 * a session of its own. Each writes its pid into `pids`; the last one says that all are there. All wait for a gate that never opens.
 */
const TREE = `
  (echo $(exec sh -c 'echo $PPID') >> pids; read -r _ < gate) &
  setsid sh -c 'echo $$ >> pids; trap "" HUP; sh -c "echo \\$\\$ >> pids; read -r _ < gate"; read -r _ < gate' &
  setsid sh -c 'sh -c "echo \\$\\$ >> pids; read -r _ < gate" & exit' &
  until [ -e pids ] && [ "$(wc -l < pids)" -eq 4 ]; do sleep 0.01; done
  echo $$ >> pids; echo ready`;
const STAY = 'read -r _ < gate';

function pidsOfTree(): number[] {
  const pids = rig.read('pids').trim().split('\n').map(Number);
  expect(pids).toHaveLength(5);
  for (const pid of pids) rig.stray(pid);
  return pids;
}

describe('--timeout', () => {
  test('ends the command and all it started, in whatever session: exit 124', async () => {
    rig.gate('gate');
    const { status, stdout, stderr } = await rig.job('n', '-t', '2s', '-c', `${TREE}; ${STAY}`);
    expect({ status, stdout }).toEqual({ status: 124, stdout: 'ready\n' });
    expect(stderr).toMatch(/^lockstep: n: timed out after [2-9]\.?\d*s\n$/);
    expect(pidsOfTree().filter(isAlive)).toEqual([]);
    const { run } = rig.last();
    expect(run.ended).toMatchObject({ outcome: 'timed-out', code: 124, tail: 'ready\n' });
    expect(run.attempts[0]?.exited).toMatchObject({ signal: 'SIGTERM', timedOut: true });
    expect(await rig.entries('n')).toEqual([]);
  });

  test('kills, after --kill-after, what does not end politely', async () => {
    rig.gate('gate');
    const stubborn = `trap '' TERM; ${TREE}; ${STAY}; ${STAY}`;
    const { status } = await rig.job('n', '-t', '2s', '--kill-after', '200ms', '-c', stubborn);
    expect(status).toBe(124);
    expect(pidsOfTree().filter(isAlive)).toEqual([]);
    expect(rig.last().run.attempts[0]?.exited).toMatchObject({ signal: 'SIGKILL', timedOut: true });
  });

  test('lets a command clean up, and ends the processes that it leaves behind; the lock is held until then', async () => {
    rig.gate('gate');
    const command = `trap 'echo tidying; exit 0' TERM; sh -c 'trap "" TERM; echo $$ > child; ${STAY}' & until [ -s child ]; do sleep 0.01; done; echo in; wait`;
    const program = rig.lockstep(['job', 'n', '-v', '-t', '2s', '--kill-after', '1500ms', '-c', command]);
    await program.says('tidying');
    const child = rig.stray(Number(rig.read('child')));
    expect(isAlive(child)).toBe(true);
    expect((await rig.run('run', 'n', '-n', '--', 'true')).status).toBe(75);
    expect((await program.ended).status).toBe(124);
    expect(isAlive(child)).toBe(false);
  });

  test('ends one that is stopped', async () => {
    const { status } = await rig.job('n', '-t', '300ms', '-c', 'kill -STOP $$');
    expect(status).toBe(124);
  });

  test('does not signal the processes that a command left behind when it ended by itself', async () => {
    const { status } = await rig.job('n', '-t', '1m', '-c', 'sleep 60 >/dev/null 2>&1 & echo $! > pid; exit 1');
    expect(status).toBe(1);
    expect(isAlive(rig.stray(Number(rig.read('pid'))))).toBe(true);
  });
});

describe('a signal to `lockstep job`', () => {
  test.each([
    ['SIGTERM', 143],
    ['SIGINT', 130],
    ['SIGHUP', 129],
  ] as const)('%s ends the whole tree, and the run is cancelled: exit %i', async (signal, code) => {
    rig.gate('gate');
    const program = rig.lockstep(['job', 'n', '-v', '-c', `${TREE}; ${STAY}`]);
    await program.says('ready');
    program.kill(signal);
    const { status, stderr } = await program.ended;
    expect(status).toBe(code);
    expect(stderr).toMatch(new RegExp(`n: was ended by ${signal}\n$`));
    expect(pidsOfTree().filter(isAlive)).toEqual([]);
    expect(rig.ended()).toMatchObject({ outcome: 'cancelled', code, reason: signal, tail: 'ready\n' });
    expect(await rig.entries('n')).toEqual([]);
  });

  test('kills after --kill-after', async () => {
    rig.gate('gate');
    const program = rig.lockstep([
      'job',
      'n',
      '-v',
      '--kill-after',
      '100ms',
      '-c',
      `trap '' TERM; echo in; ${STAY}; ${STAY}`,
    ]);
    await program.says('in');
    program.kill('SIGTERM');
    expect((await program.ended).status).toBe(143);
    expect(rig.last().run.attempts[0]?.exited?.signal).toBe('SIGKILL');
  });

  test('SIGUSR1 and SIGUSR2 are for the command', async () => {
    const command = "trap 'echo one' USR1; trap 'echo two; exit 5' USR2; echo in; while :; do sleep 0.01; done";
    const program = rig.lockstep(['job', 'n', '-v', '-c', command]);
    await program.says('in');
    program.kill('SIGUSR1');
    await program.says('one');
    program.kill('SIGUSR2');
    expect(await program.ended).toMatchObject({ status: 5, stdout: 'in\none\ntwo\n' });
  });

  test('ends a run that waits in line, and leaves nothing there', async () => {
    const holder = await rig.hold('n');
    const waiter = rig.lockstep(['job', 'n', '--overlap', 'wait', '--', 'touch', 'ran']);
    await rig.waits('n', 1);
    waiter.kill('SIGTERM');
    const { status, stdout, stderr } = await waiter.ended;
    expect({ status, stdout, stderr }).toEqual({
      status: 143,
      stdout: '',
      stderr: 'lockstep: n: was ended before its command began by SIGTERM\n',
    });
    expect(await rig.entries('n')).toHaveLength(1);
    await holder.letGo();
    expect(rig.exists('ran')).toBe(false);
    expect(rig.ended()).toMatchObject({ outcome: 'cancelled', code: 143, reason: 'SIGTERM' });
  });
});

describe('--splay', () => {
  test('waits first, and a signal ends that wait', async () => {
    const program = rig.lockstep(['job', 'n', '--splay', '1000h', '--', 'touch', 'ran']);
    // The record is written before anything else.
    await until('it is written down', () => rig.exists('store/jobs/n') && rig.runs().length === 1);
    expect(rig.last().state).toBe('waiting');
    expect(await rig.entries('n')).toEqual([]);
    program.kill('SIGTERM');
    expect((await program.ended).status).toBe(143);
    expect(rig.exists('ran')).toBe(false);
    expect(rig.ended()).toMatchObject({ outcome: 'cancelled', code: 143 });
  });

  test('ends in time', async () => {
    expect(await rig.job('n', '--splay', '200ms', '--', 'touch', 'ran')).toMatchObject({ status: 0, stderr: '' });
    expect(rig.exists('ran')).toBe(true);
  });
});

describe('--retries', () => {
  const COUNTED = 'echo x >> tries; n=$(wc -l < tries); echo "try $((n))"';

  test('tries again while it fails, and is silent when it succeeds at last', async () => {
    const command = `${COUNTED}; [ "$n" -eq 3 ]`;
    expect(await rig.job('n', '--retries', '5', '--backoff', '10ms', '-c', command)).toEqual({
      status: 0,
      stdout: '',
      stderr: '',
    });
    const { run } = rig.last();
    expect(run.attempts.map(({ exited }) => exited?.code)).toEqual([1, 1, 0]);
    expect(run.ended).toMatchObject({ outcome: 'succeeded', tail: 'try 1\ntry 2\ntry 3\n' });
  });

  test('ends with the last failure, after so many attempts', async () => {
    const { status, stdout, stderr } = await rig.job(
      'n',
      '--retries',
      '2',
      '--backoff',
      '0',
      '-c',
      `${COUNTED}; exit $((10 + n))`,
    );
    expect({ status, stdout }).toEqual({ status: 13, stdout: 'try 1\ntry 2\ntry 3\n' });
    expect(stderr).toMatch(/^lockstep: n: failed with exit code 13 after \S+ \(attempt 3 of 3\)\n$/);
  });

  test('the timeout is for each attempt, and one that timed out is tried again', async () => {
    const command = `${COUNTED}; [ "$n" -eq 2 ] || exec sleep 60`;
    expect((await rig.job('n', '--retries', '1', '--backoff', '0', '-t', '2s', '-c', command)).status).toBe(0);
    expect(rig.last().run.attempts.map(({ exited }) => exited?.timedOut)).toEqual([true, false]);
  });

  test('the lock is held between two attempts, and a signal ends the wait there', async () => {
    const program = rig.lockstep(['job', 'n', '-v', '--retries', '1', '--backoff', '1000h', '-c', `${COUNTED}; false`]);
    await program.says(/failed with exit code 1 after \S+ \(attempt 1 of 2\); once more in \d/, 'stderr');
    expect((await rig.run('run', 'n', '-n', '--', 'true')).status).toBe(75);
    program.kill('SIGTERM');
    expect((await program.ended).status).toBe(143);
    expect(rig.read('tries')).toBe('x\n');
    expect(rig.ended()).toMatchObject({ outcome: 'cancelled' });
    expect(await rig.entries('n')).toEqual([]);
  });

  test('as many attempts as there can be are all protected', async () => {
    const gate = rig.gate('gate');
    const command = `${COUNTED}; [ "$n" -lt 11 ] && exit 1; echo in; ${STAY}`;
    const program = rig.lockstep(['job', 'n', '-v', '--retries', '10', '--backoff', '0', '-c', command]);
    await program.says('in\n');
    program.kill('SIGKILL');
    await program.exited();
    // The last attempt's command holds it, as the first one's would.
    expect((await rig.run('run', 'n', '-n', '--', 'true')).status).toBe(75);
    gate.open();
    expect((await rig.run('run', 'n', '--', 'true')).status).toBe(0);
  });
});

describe('--every', () => {
  test('does nothing while the last success is younger', async () => {
    await rig.job('n', '--', 'true');
    expect(await rig.job('n', '--every', '1h', '--', 'touch', 'ran')).toEqual({ status: 0, stdout: '', stderr: '' });
    expect(rig.exists('ran')).toBe(false);
    expect(rig.outcomes()).toEqual(['not-due', 'succeeded']);
    const [late, early] = rig.runs();
    expect(late?.run.ended?.by).toBe(early?.run.key);
    expect((await rig.job('n', '--every', '1ms', '--', 'touch', 'ran')).status).toBe(0);
    expect(rig.exists('ran')).toBe(true);
  });

  test('a failure is no success', async () => {
    await rig.job('n', '--', 'false');
    expect((await rig.job('n', '--every', '1h', '--', 'touch', 'ran')).status).toBe(0);
    expect(rig.exists('ran')).toBe(true);
  });

  test('looks again when it has waited in line: another run may have succeeded meanwhile', async () => {
    const gate = rig.gate('gate');
    const first = rig.worker('gate', 'n');
    await first.says('in ');
    const second = rig.lockstep(['job', 'n', '--every', '1h', '--overlap', 'wait', '--', 'touch', 'ran']);
    await rig.waits('n', 1);
    gate.open();
    expect((await first.ended).status).toBe(0);
    expect(await second.ended).toEqual({ status: 0, stdout: '', stderr: '' });
    expect(rig.exists('ran')).toBe(false);
    expect(rig.outcomes()).toEqual(['not-due', 'succeeded']);
  });

  test('counts from the start of the last success, and a little less will do', async () => {
    await rig.job('n', '--', 'true');
    const shift = (ms: number) => rig.backdate('n', ms);
    shift(3_600_000 - 40_000);
    expect((await rig.job('n', '--every', '1h', '--', 'touch', 'early')).status).toBe(0);
    shift(10_000);
    expect((await rig.job('n', '--every', '1h', '--', 'touch', 'due')).status).toBe(0);
    expect([rig.exists('early'), rig.exists('due')]).toEqual([false, true]);
  });

  test('a success that is still to come (the clock was set back) is none', async () => {
    await rig.job('n', '--', 'true');
    rig.backdate('n', -3_600_000);
    await rig.job('n', '--every', '24h', '--', 'touch', 'ran');
    expect(rig.exists('ran')).toBe(true);
  });
});
