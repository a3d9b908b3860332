import fs from 'node:fs';
import { afterEach, beforeEach, expect } from 'vitest';
import { isAlive, MAIN, type Result, Rig, until } from '../support/cli-rig.ts';
import { Pty } from '../support/pty.ts';
import { Side, Table } from './beside.ts';

const MANUAL = ['-k', '--kill-after', '-s', '--signal', '--foreground', '--preserve-status', '-v', '--verbose'];
/** Longer than any test; what is ended is ended by a limit. */
const LONG = '600';

let rig: Rig;
let timeout: Side;
let lockstep: Side;

beforeEach(() => {
  rig = new Rig();
  rig.gate('gate');
  // The last option is the duration: `timeout [options] DURATION`, and `lockstep run [options] -t DURATION`.
  timeout = new Side(rig, (options, command) => ['timeout', ...options, ...command]);
  lockstep = new Side(rig, (options, command) => {
    const limit = ['-t', options.at(-1) ?? ''];
    return [process.execPath, MAIN, 'run', 'n', ...options.slice(0, -1), ...limit, '--', ...command];
  });
});
afterEach(() => rig.end());

async function both<T>(situation: (side: Side) => Promise<T>): Promise<{ timeout: T; lockstep: T }> {
  const [theirs, ours] = await Promise.all([situation(timeout), situation(lockstep)]);
  return { timeout: theirs, lockstep: ours };
}

function same<T>(value: T): { timeout: T; lockstep: T } {
  return { timeout: value, lockstep: value };
}

/** The statuses with the same options and the same command. */
function statuses(options: readonly string[], ...command: string[]) {
  return both((side) => side.status(options, ...command));
}

/** As a shell reports it: a program that dies of a signal has 128 + its number. */
function inShell({ status }: Result): number {
  return typeof status === 'number' ? status : { SIGTERM: 143, SIGKILL: 137, SIGINT: 130 }[status as 'SIGTERM'];
}

/** Ends by itself only after a minute, and may start others. */
const STUBBORN = ['sh', '-c', `trap '' TERM; sleep 60; sleep 60`];

const table = new Table('timeout');
const row = table.row.bind(table);

row('`DURATION CMD`', async () => {
  expect(await statuses(['.3'], 'sleep', '60')).toEqual(same(124));
  expect(await both((side) => side.run([LONG], 'sh', '-c', 'echo "$1"; exit 3', 'sh', 'a  b'))).toEqual(
    same({ status: 3, stdout: 'a  b\n', stderr: '' }),
  );
  // SIGTERM is what ends it.
  const trapped = await both((side) => side.run(['1'], 'sh', '-c', `trap 'echo asked; exit 5' TERM; read -r _ < gate`));
  expect([trapped.timeout.stdout, trapped.lockstep.stdout]).toEqual(['asked\n', 'asked\n']);

  // The time in line does not count.
  const holder = await lockstep.hold(LONG);
  const next = lockstep.start(['-w', LONG, '2'], ['echo', 'in time'], { input: '' });
  await rig.line('n', 1, 1);
  const since = performance.now();
  // Time has to pass here: more of it than the limit.
  await new Promise((resolve) => setTimeout(resolve, 2_500));
  await holder.letGo();
  expect(await next.ended).toMatchObject({ status: 0, stdout: 'in time\n' });
  expect(performance.now() - since).toBeGreaterThan(2_000);
});

row('the forms of DURATION', async () => {
  for (const form of ['60', '60s', '60m', '60h', '60d', '60.5', '.5h']) {
    const found = await statuses([form], 'true');
    expect(found, form).toEqual(same(0));
  }
  for (const form of ['.3', '0.3', '.005m']) expect(await statuses([form], 'sleep', '60'), form).toEqual(same(124));
  for (const form of ['x', '', '5x', '-5', '5 5'])
    expect(await statuses([form], 'touch', 'ran'), form).toEqual({ timeout: 125, lockstep: 64 });
  for (const form of ['1e2', '0x10', 'inf'])
    expect(await statuses([form], 'true'), form).toEqual({ timeout: 0, lockstep: 64 });
  expect(await statuses(['60000ms'], 'true')).toEqual({ timeout: 125, lockstep: 0 });
  expect(rig.exists('ran')).toBe(false);
});

row('`0` as DURATION', async () => {
  expect(await statuses(['0'], 'sh', '-c', 'sleep .5; exit 4')).toEqual(same(4));
});

row('`-s SIGNAL`, `--signal`', async () => {
  const command = ['sh', '-c', `trap 'echo asked' INT; trap '' TERM; read -r _ < gate; exit 7`];
  for (const [theirs, ours] of [
    [
      ['-s', 'INT'],
      ['--signal', 'INT'],
    ],
    [
      ['--signal', '2'],
      ['--signal', '2'],
    ],
    [
      ['-s', 'SIGINT'],
      ['--signal', 'SIGINT'],
    ],
  ] as const) {
    const outcomes = [await timeout.run([...theirs, '1'], ...command), await lockstep.run([...ours, '1'], ...command)];
    expect(outcomes.map(({ status, stdout }) => [status, stdout])).toEqual([
      [124, 'asked\n'],
      [124, 'asked\n'],
    ]);
  }
  expect(await statuses(['--signal', 'NONE', LONG], 'true')).toEqual({ timeout: 125, lockstep: 64 });
  // `-s` is shared.
  const holder = await lockstep.hold('-s', LONG);
  expect(await lockstep.status(['-s', '-n', LONG], 'true')).toBe(0);
  await holder.letGo();
});

row('`-k DURATION`, `--kill-after`', async () => {
  const [theirs, ours] = await Promise.all([
    timeout.run(['-k', '.2', '.2'], ...STUBBORN),
    lockstep.run(['--kill-after', '.2', '.2'], ...STUBBORN),
  ]);
  expect([inShell(theirs), inShell(ours)]).toEqual([137, 124]);
  expect(inShell(await timeout.run(['--kill-after=.2', '.2'], ...STUBBORN))).toBe(137);
  expect((await rig.run('run', '--help')).stdout).toMatch(/--kill-after .*(\n.*){0,2}Default: 10s/);
});

row('`--foreground`', async () => {
  const [program, ...args] = [process.execPath, MAIN, 'run', 'n', '-t', '3', '--'];
  const read = `sh -c 'read -r line && echo "got $line"'`;
  for (const [wrapper, status] of [
    ['timeout 1', 124],
    ['timeout --foreground 20', 0],
    [[program, ...args].join(' '), 0],
  ] as const) {
    const pty = await Pty.start(rig, ['sh', '-c', `echo ready; ${wrapper} ${read}; echo "status $?"`]);
    await pty.shows('ready');
    pty.write('words\n');
    await pty.ended();
    expect(pty.screen, wrapper).toContain(`status ${status}`);
    expect(pty.screen.includes('got words'), wrapper).toBe(status === 0);
  }
  // With it a child of CMD goes on.
  const leaves = ['sh', '-c', 'sh -c "echo \\$\\$; read -r _ < gate" & wait'];
  const theirs = await timeout.start(['--foreground', '.5'], leaves).says(/(\d+)\n/);
  const ours = lockstep.start(['1'], leaves);
  const [, pid] = await ours.says(/(\d+)\n/);
  await ours.exited();
  expect([isAlive(rig.stray(Number(theirs[1]))), isAlive(rig.stray(Number(pid)))]).toEqual([true, false]);
});

row('`-v`, `--verbose`', async () => {
  for (const option of ['-v', '--verbose'])
    expect((await timeout.run([option, '.2'], 'sleep', '60')).stderr).toMatch(
      /^timeout: sending signal TERM to command /,
    );
  expect((await timeout.run(['.2'], 'sleep', '60')).stderr).toBe('');
  expect((await lockstep.run(['.2'], 'sleep', '60')).stderr).toBe(
    'lockstep: run: still running after 200ms; ending it\n',
  );
  expect((await lockstep.run(['-v', LONG], 'true')).stderr).toMatch(/^lockstep: n: acquired after /);
});

row('`--preserve-status`', async () => {
  expect(await statuses(['--preserve-status', '.3'], 'sleep', '60')).toEqual(same(143));
  const asked = ['sh', '-c', `trap 'exit 9' TERM; read -r _ < gate`];
  expect(await statuses(['--preserve-status', '1'], ...asked)).toEqual(same(9));
  expect(await statuses(['--preserve-status', LONG], 'sh', '-c', 'exit 8')).toEqual(same(8));
});

row('`--help`, `--version`', async () => {
  for (const option of ['--help', '--version'])
    expect(await rig.start('timeout', [option]).ended).toMatchObject({
      status: 0,
      stdout: expect.stringContaining('timeout'),
    });
  expect(await rig.run('run', '--help')).toMatchObject({ status: 0, stdout: expect.stringContaining('--timeout') });
  expect(await rig.run('run', '--version')).toMatchObject({ status: 0, stdout: expect.stringMatching(/^\d+\./) });
});

row('exit status 124', async () => {
  const asked = ['sh', '-c', `trap 'exit 0' TERM; read -r _ < gate`];
  expect(await statuses(['1'], ...asked)).toEqual(same(124));
  // CMD's own is not told from it.
  expect(await statuses([LONG], 'sh', '-c', 'exit 124')).toEqual(same(124));
});

row('exit status 125', async () => {
  expect(await statuses(['--no-such', LONG], 'true')).toEqual({ timeout: 125, lockstep: 64 });
  expect(await statuses([LONG])).toEqual({ timeout: 125, lockstep: 64 });
  rig.write('file', '');
  expect(await lockstep.status(['--dir', 'file/store', LONG], 'touch', 'ran')).toBe(74);
  expect(rig.exists('ran')).toBe(false);
});

row('exit statuses 126 and 127', async () => {
  rig.write('plain', 'text');
  expect(await statuses([LONG], './plain')).toEqual(same(126));
  expect(await statuses([LONG], rig.directory)).toEqual(same(126));
  expect(await statuses([LONG], 'no-such-command')).toEqual(same(127));
  expect(await statuses([LONG], './no-such-file')).toEqual(same(127));
});

row('exit status 137', async () => {
  const inTime = await both((side) => side.run([LONG], 'sh', '-c', 'kill -KILL $$'));
  expect([inShell(inTime.timeout), inShell(inTime.lockstep)]).toEqual([137, 137]);
  const killed = await both((side) => side.run(['--signal', 'KILL', '.2'], 'sleep', '60'));
  expect([inShell(killed.timeout), inShell(killed.lockstep)]).toEqual([137, 124]);
  const preserved = await both((side) => side.run(['--preserve-status', '--signal', 'KILL', '.2'], 'sleep', '60'));
  expect([inShell(preserved.timeout), inShell(preserved.lockstep)]).toEqual([137, 137]);
});

row('any other exit status', async () => {
  for (const status of [0, 1, 77, 255])
    expect(await statuses([LONG], 'sh', '-c', `exit ${status}`)).toEqual(same(status));
});

row('what is ended', async () => {
  const command = [
    'sh',
    '-c',
    'sh -c "echo group \\$\\$; read -r _ < gate" & setsid sh -c "echo own \\$\\$; read -r _ < gate" & wait',
  ];
  const alive = await both(async (side) => {
    const program = side.start(['2'], command);
    const pids = [(await program.says(/group (\d+)\n/))[1], (await program.says(/own (\d+)\n/))[1]].map(Number);
    for (const pid of pids) rig.stray(pid);
    await program.exited();
    // `timeout` waits for CMD alone: what else it signalled may take a moment longer to die.
    if (side === timeout) await until('the group is gone', () => !isAlive(pids[0] ?? 0));
    return pids.map(isAlive);
  });
  expect(alive).toEqual({ timeout: [false, true], lockstep: [false, false] });
});

row('a signal to the wrapper', async () => {
  const command = ['sh', '-c', 'setsid sh -c "echo own \\$\\$; read -r _ < gate" & echo in; wait'];
  for (const [signal, status] of [
    ['SIGTERM', 143],
    ['SIGINT', 130],
  ] as const) {
    const ended = await both(async (side) => {
      const program = side.start([LONG], command);
      const pid = rig.stray(Number((await program.says(/own (\d+)\n/))[1]));
      await program.says('in');
      program.kill(signal);
      await program.exited();
      return { pid, program };
    });
    expect([isAlive(ended.timeout.pid), isAlive(ended.lockstep.pid)]).toEqual([true, false]);
    process.kill(ended.timeout.pid, 'SIGKILL');
    expect([inShell(await ended.timeout.program.ended), inShell(await ended.lockstep.program.ended)]).toEqual([
      status,
      status,
    ]);
  }
});

row('CMD is stopped when its time is over', async () => {
  const outcomes = await both((side) =>
    side.run(['1'], 'sh', '-c', `trap 'echo went on; exit 0' TERM; kill -STOP $$; read -r _ < gate`),
  );
  for (const { status, stdout } of Object.values(outcomes)) expect([status, stdout]).toEqual([124, 'went on\n']);
  expect(fs.readdirSync(rig.directory)).toContain('store');
});

table.complete(MANUAL);
