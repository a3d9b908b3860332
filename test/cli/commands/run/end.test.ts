import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { IS_LIVING, isAlive, MAIN, type Program, Rig, until } from '../../../support/cli-rig.ts';

let rig: Rig;
beforeEach(() => {
  rig = new Rig();
});
afterEach(() => rig.end());

/** Works beside its shell: in its group, in a session of its own, and, as a daemon does, without an ancestor. */
const CROWD = `
sleep 60 & echo pid $!
setsid sh -c 'echo pid $$; exec sleep 60' &
(setsid sh -c 'sleep 60 & echo pid $!' &)
`;

/** The pids that a program has printed, as soon as there are so many. */
async function pidsOf(program: Program, count: number): Promise<number[]> {
  await until(`${count} pids are printed`, () => program.stdout.split('pid ').length > count);
  return [...program.stdout.matchAll(/pid (\d+)\n/g)].map(([, pid]) => rig.stray(Number(pid)));
}

/** Another one that waits, and says who of these live when it gets in. */
async function nextIn(name: string, pids: readonly number[]): Promise<Program> {
  const command = `${IS_LIVING}; for pid; do is_living $pid && echo alive $pid; done; echo in`;
  const next = rig.lockstep(['run', name, '--', 'sh', '-c', command, 'sh', ...pids.map(String)], { input: '' });
  await rig.line(name, 1, 1);
  return next;
}

describe('when its time is over', () => {
  test('all that the command started is ended, wherever it went, before the next one gets in', async () => {
    const program = rig.lockstep(['run', 'n', '-t', '2s', '--', 'sh', '-c', `${CROWD} sleep 60; :`]);
    const pids = await pidsOf(program, 3);
    const next = await nextIn('n', pids);
    const { status, stderr } = await program.ended;
    expect([status, stderr]).toEqual([124, 'lockstep: run: still running after 2s; ending it\n']);
    expect(await next.ended).toEqual({ status: 0, stdout: 'in\n', stderr: '' });
    expect(pids.filter(isAlive)).toEqual([]);
  });

  test('what does not end politely is killed, and keeps the lock until then', async () => {
    const stubborn = `sh -c 'trap "" TERM; echo pid $$; while :; do sleep 0.05; done' & wait`;
    const args = ['run', 'n', '-t', '2s', '--kill-after', '1s', '--', 'sh', '-c', stubborn];
    const program = rig.lockstep(args);
    const pids = await pidsOf(program, 1);
    const next = await nextIn('n', pids);
    expect((await program.ended).status).toBe(124);
    expect((await next.ended).stdout).toBe('in\n');
    expect(pids.filter(isAlive)).toEqual([]);
  });

  test('--signal ends it, and --preserve-status shows how it ended', async () => {
    const command = `trap 'exit 7' INT; trap '' TERM; echo in; while :; do sleep 0.05; done`;
    const args = ['run', 'n', '-t', '2s', '--signal', 'INT', '--', 'sh', '-c', command];
    expect((await rig.lockstep(args).ended).status).toBe(124);
    expect((await rig.lockstep([...args.slice(0, 2), '--preserve-status', ...args.slice(2)]).ended).status).toBe(7);
    for (const signal of ['SIGINT', '2', 'int'])
      expect((await rig.run('run', 'n', '-t', '9s', '--signal', signal, '--', 'true')).status).toBe(0);
  });

  test.each([
    [['--signal', 'NONE', '-t', '1s'], '--signal takes the name or the number of a signal'],
    [['--signal', 'INT'], '--signal needs --timeout'],
    [['--preserve-status'], '--preserve-status needs --timeout'],
  ])('%j is a mistake', async (options, message) => {
    const { status, stderr } = await rig.run('run', 'n', ...options, '--', 'touch', 'ran');
    expect(status).toBe(64);
    expect(stderr).toContain(message);
    expect(rig.exists('ran')).toBe(false);
  });
});

describe.each([
  ['SIGTERM', 143],
  ['SIGHUP', 129],
  ['SIGINT', 130],
] as const)('%s to the wrapper', (signal, status) => {
  test.each([
    ['run', ['run', 'n']],
    ['beat', ['run', 'n', '--', process.execPath, MAIN, 'beat', 'b']],
  ])('ends all that the command of %s started, before the next one gets in', async (_, words) => {
    const program = rig.lockstep([...words, '--', 'sh', '-c', `${CROWD} exec sleep 60`]);
    const pids = await pidsOf(program, 3);
    const next = await nextIn('n', pids);
    program.kill(signal);
    expect((await program.ended).status).toBe(status);
    expect((await next.ended).stdout).toBe('in\n');
    expect(pids.filter(isAlive)).toEqual([]);
  });
});

test('a signal to the wrapper also ends what has dropped the environment, as under sudo, though its parent dies first', async () => {
  const daemon = 'env -i setsid sh -c "echo pid \\$\\$; exec sleep 60"';
  const program = rig.lockstep(['run', 'n', '--', 'sh', '-c', `${daemon} & wait`]);
  const pids = await pidsOf(program, 1);
  const next = await nextIn('n', pids);
  program.kill('SIGTERM');
  expect((await program.ended).status).toBe(143);
  expect((await next.ended).stdout).toBe('in\n');
});

test('and what such a command starts because of the signal, before it ends', async () => {
  const daemon = 'env -i setsid sh -c "echo pid \\$\\$; exec sleep 60"';
  const command = `trap '${daemon} & sleep 0.5; exit 0' TERM; echo ready; read -r _; read -r _`;
  const program = rig.lockstep(['run', 'n', '--', 'sh', '-c', command]);
  await program.says('ready');
  program.kill('SIGTERM');
  const pids = await pidsOf(program, 1);
  expect((await program.ended).status).toBe(0);
  expect(pids.filter(isAlive)).toEqual([]);
});

describe('a command that handles the signal itself', () => {
  test('has its time for it, and its status counts', async () => {
    const command = `trap 'echo asked' TERM; echo in; read -r _; read -r _; exit 3`;
    const program = rig.lockstep(['run', 'n', '--kill-after', '50ms', '--', 'sh', '-c', command]);
    await program.says('in');
    program.kill('SIGTERM');
    await program.says('asked');
    expect(program.running).toBe(true);
    program.write('go\n');
    expect((await program.letGo()).status).toBe(3);
  });

  test('and goes on after SIGINT leaves what it leaves, when it ends by itself', async () => {
    const command = `trap 'echo asked' INT; echo in; read -r _; sleep 60 > sleep.out 2>&1 & echo pid $!; read -r _; exit 0`;
    const program = rig.lockstep(['run', 'n', '--', 'sh', '-c', command]);
    await program.says('in');
    program.kill('SIGINT');
    await program.says('asked');
    program.write('go\n');
    const pids = await pidsOf(program, 1);
    expect((await program.letGo()).status).toBe(0);
    expect(pids.filter(isAlive)).toEqual(pids);
  });
});

describe('a command that ends by itself, and leaves a process', () => {
  const LEAVES = 'sleep 60 > sleep.out 2>&1 & echo pid $!';

  test('leaves it alone, and the lock is free', async () => {
    const program = rig.lockstep(['run', 'n', '--', 'sh', '-c', LEAVES]);
    const pids = await pidsOf(program, 1);
    expect((await program.ended).status).toBe(0);
    expect((await rig.run('run', 'n', '-n', '--', 'true')).status).toBe(0);
    expect(pids.filter(isAlive)).toEqual(pids);
  });

  test('keeps the lock with --hold-descendants until that one has ended', async () => {
    const program = rig.lockstep(['run', 'n', '--hold-descendants', '--', 'sh', '-c', LEAVES]);
    const pids = await pidsOf(program, 1);
    const next = await nextIn('n', pids);
    expect(program.running).toBe(true);
    process.kill(pids[0] as number, 'SIGKILL');
    expect((await program.ended).status).toBe(0);
    expect((await next.ended).stdout).toBe('in\n');
  });

  test('ends with --hold-descendants at a signal, and that one with it', async () => {
    const program = rig.lockstep(['run', 'n', '--hold-descendants', '--', 'sh', '-c', LEAVES]);
    const pids = await pidsOf(program, 1);
    await until('the command has ended', () => childrenOf(program) === '');
    program.kill('SIGTERM');
    expect((await program.ended).status).toBe(0);
    expect(pids.filter(isAlive)).toEqual([]);
  });
});

function childrenOf({ pid }: Program): string {
  return fs.readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8');
}

/** Becomes another user, as `sudo` does: not even its parent may signal it then. */
function setuidProgram(): string | null {
  const from = '/usr/bin/setpriv';
  if (process.getuid?.() !== 0 || !fs.existsSync(from)) return null;
  const file = rig.path('become');
  fs.copyFileSync(from, file);
  fs.chmodSync(file, 0o4755);
  fs.chmodSync(rig.directory, 0o777);
  const tried = spawnSync(from, ['--reuid=1001', '--regid=1001', '--clear-groups', file, '--reuid=0', 'id', '-u']);
  return String(tried.stdout).trim() === '0' ? file : null;
}

test('a command that may not be signalled is waited for, with a word', async (context) => {
  const become = setuidProgram();
  if (become === null) return context.skip();
  const store = rig.path('theirs');
  execFileSync('install', ['-d', '-m', '700', '-o', '1001', '-g', '1001', store]);
  const user = ['--reuid=1001', '--regid=1001', '--clear-groups', process.execPath, MAIN];
  const args = ['run', 'n', '--dir', store, '-t', '2s', '--kill-after', '100ms', '--'];
  const program = rig.start('setpriv', [...user, ...args, become, '--reuid=0', 'sh', '-c', 'echo in; read -r _']);
  await program.says('in');
  await program.says(/pid \d+ does not end: it belongs to another user/, 'stderr');
  expect(program.running).toBe(true);
  expect((await program.letGo()).status).toBe(124);
});
