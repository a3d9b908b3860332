import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { afterEach, beforeEach, expect } from 'vitest';
import { IS_LIVING, isAlive, MAIN, type Program, Rig, until } from '../support/cli-rig.ts';
import { AT_GATE, Side, Table } from './beside.ts';

// util-linux's own checks of flock (tests/ts/misc/flock) are the measure: a conflict is refused with its own status, also without a
// fork; shared holders get in together, and no exclusive one; who waits with a timeout gets in when the holder ends.

const canExec = 'execve' in process;
const MANUAL = [
  ...['-c', '--command', '-E', '--conflict-exit-code', '-F', '--no-fork', '-e', '-x', '--exclusive', '-n', '--nb'],
  ...['--nonblock', '-o', '--close', '-s', '--shared', '-u', '--unlock', '-w', '--wait', '--timeout', '--verbose'],
  ...['-h', '--help', '-V', '--version'],
];

let rig: Rig;
let flock: Side;
let lockstep: Side;

beforeEach(() => {
  rig = new Rig();
  rig.gate('gate');
  rig.write('lockstep', '#!/bin/sh\nexec "$NODE" "$MAIN" "$@"\n', 0o755);
  flock = new Side(rig, (options, command) => ['flock', ...options, 'f', ...command]);
  lockstep = new Side(rig, (options, command) => [process.execPath, MAIN, 'run', 'n', ...options, '--', ...command]);
});
afterEach(() => rig.end());

/** The same situation with both; each has its own lock. */
async function both<T>(situation: (side: Side) => Promise<T>): Promise<{ flock: T; lockstep: T }> {
  const [theirs, ours] = await Promise.all([situation(flock), situation(lockstep)]);
  return { flock: theirs, lockstep: ours };
}

function same<T>(value: T): { flock: T; lockstep: T } {
  return { flock: value, lockstep: value };
}

/** A command that a wrapper runs, and the pid that it has printed. */
async function atGate(side: Side, ...options: string[]): Promise<{ wrapper: Program; pid: number }> {
  const wrapper = side.start(options, ['sh', '-c', AT_GATE]);
  const [, pid] = await wrapper.says(/in (\d+)/);
  return { wrapper, pid: rig.stray(Number(pid)) };
}

/** Waits until `flock` waits for a lock. */
function blocked({ pid }: Program): Promise<void> {
  const line = new RegExp(`-> FLOCK .* ${pid} `);
  return until('flock waits', () => line.test(fs.readFileSync('/proc/locks', 'utf8')));
}

/** Waits until one of a side's commands waits. */
function waits(side: Side, program: Program): Promise<void> {
  return side === flock ? blocked(program) : rig.line('n', 1, 1);
}

function script(text: string, name = `${Math.random()}.sh`): Program {
  const file = rig.write(name, `#!/bin/sh\n${text}\n`, 0o755);
  return rig.start(file, [], { env: { PATH: `${rig.directory}:${process.env.PATH}` } });
}

const table = new Table('flock');
const row = table.row.bind(table);

row('`FILE CMD`', async () => {
  const outcomes = await both(async (side) => {
    const holder = await side.hold();
    const next = side.start([], ['sh', '-c', 'cat; echo "$@" >&2; exit 3', 'sh', 'a  b', '*'], { input: 'words' });
    await waits(side, next);
    expect(next.stdout).toBe('');
    await holder.letGo();
    return next.ended;
  });
  expect(outcomes).toEqual(same({ status: 3, stdout: 'words', stderr: 'a  b *\n' }));
  expect(rig.exists('f')).toBe(true);
});

row('`DIRECTORY CMD`', async () => {
  fs.mkdirSync(rig.path('d'));
  const show = ['sh', '-c', 'flock -n d true; echo $?; lockstep run --file d -n -q -- true; echo $?'];
  const env = { PATH: `${rig.directory}:${process.env.PATH}` };
  const theirs = await rig.start('flock', ['d', ...show], { env }).ended;
  const ours = await rig.lockstep(['run', '--file', 'd', '--', ...show], { env }).ended;
  expect([theirs.stdout, ours.stdout]).toEqual(['1\n0\n', '0\n75\n']);
  expect([fs.readdirSync(rig.path('d')), rig.exists('.lockstep')]).toEqual([[], true]);
});

row('`FILE -c TEXT`, `--command`', async () => {
  const text = `echo "$0" | cat; exit 4`;
  const env = { SHELL: '/bin/bash' };
  for (const option of ['-c', '--command']) {
    const theirs = await rig.start('flock', ['f', option, text], { env }).ended;
    const ours = await rig.lockstep(['run', 'n', option, text], { env }).ended;
    expect(theirs).toEqual({ status: 4, stdout: '/bin/bash\n', stderr: '' });
    expect(ours).toEqual({ status: 4, stdout: '/bin/sh\n', stderr: '' });
  }
});

row('`NUMBER`', async () => {
  const rest = 'echo in; read -r _; (read -r _ < gate) & echo left; read -r _';
  const holders = [script(`exec 9> f\nflock 9\n${rest}`), script(`lockstep acquire n --pid $$\n${rest}`)];
  await Promise.all(holders.map((holder) => holder.says('in')));
  const refused = () => both((side) => side.status(['-n'], 'true'));
  expect(await refused()).toEqual({ flock: 1, lockstep: 75 });
  for (const holder of holders) holder.write('\n');
  await Promise.all(holders.map((holder) => holder.says('left')));
  for (const holder of holders) holder.kill('SIGKILL');
  await Promise.all(holders.map((holder) => holder.exited()));
  // The child that is left has the descriptor.
  expect(await refused()).toEqual({ flock: 1, lockstep: 0 });
});

row('`-x`, `-e`, `--exclusive`', async () => {
  for (const option of ['-x', '-e', '--exclusive']) {
    const statuses = await both(async (side) => {
      const holder = await side.hold(option);
      const status = await side.status(['-n', '-E', '123', '-s'], 'touch', 'ran');
      await holder.letGo();
      return status;
    });
    expect(statuses).toEqual(same(123));
  }
  expect(rig.exists('ran')).toBe(false);
});

row('`-s`, `--shared`', async () => {
  const statuses = await both(async (side) => {
    const holder = await side.hold('-s');
    const outcomes = [await side.status(['--shared', '-n'], 'true'), await side.status(['-n', '-E', '123'], 'true')];
    await holder.letGo();
    return [...outcomes, await side.status(['-n'], 'true')];
  });
  expect(statuses).toEqual(same([0, 123, 0]));
});

row('a writer that waits among readers', async () => {
  const statuses = await both(async (side) => {
    const reader = await side.hold('-s');
    const writer = side.start([], ['true'], { input: '' });
    await waits(side, writer);
    const later = await side.status(['-s', '-n', '-E', '123'], 'true');
    await reader.letGo();
    return [later, (await writer.ended).status];
  });
  expect(statuses).toEqual({ flock: [0, 0], lockstep: [123, 0] });
});

row('`-n`, `--nb`, `--nonblock`', async () => {
  const outcomes = await both(async (side) => {
    const holder = await side.hold();
    const refused = [];
    for (const options of [['-n'], ['--nb'], ['--nonblock'], ['-n', '-E', '1'], ['-n', '-E', '123']])
      refused.push(await side.status(options, 'touch', 'ran'));
    const { stderr } = await side.run(['-n'], 'true');
    await holder.letGo();
    return { refused, stderr, after: await side.status(['-n'], 'true') };
  });
  expect(outcomes.flock).toEqual({ refused: [1, 1, 1, 1, 123], stderr: '', after: 0 });
  expect(outcomes.lockstep).toEqual({
    refused: [75, 75, 75, 1, 123],
    stderr: expect.stringMatching(/^lockstep: n: not free now: held by pid \d+ \(sh .*\n$/),
    after: 0,
  });
  expect(rig.exists('ran')).toBe(false);
});

row('`-w SECONDS`, `--wait`, `--timeout`', async () => {
  const outcomes = await both(async (side) => {
    const holder = await side.hold();
    const refused = [await side.status(['-w', '.2'], 'true'), await side.status(['--wait', '0.2'], 'true')];
    const next = side.start(['-w60'], ['echo', 'after'], { input: '' });
    await waits(side, next);
    await holder.letGo();
    return [...refused, await next.ended];
  });
  const after = { status: 0, stdout: 'after\n', stderr: '' };
  expect(outcomes).toEqual({ flock: [1, 1, after], lockstep: [75, 75, after] });
  // The same word for two things.
  const commands = await both((side) => side.status(['--timeout', '.2'], 'sleep', '1'));
  expect(commands).toEqual({ flock: 0, lockstep: 124 });
});

row('`-w 0`', async () => {
  const statuses = await both(async (side) => {
    const free = await side.status(['-w', '0'], 'true');
    const holder = await side.hold();
    const refused = await side.status(['-w', '0'], 'touch', 'ran');
    await holder.letGo();
    return [free, refused];
  });
  expect(statuses).toEqual({ flock: [0, 1], lockstep: [0, 75] });
  expect(rig.exists('ran')).toBe(false);
});

row('`-E NUMBER`, `--conflict-exit-code`', async () => {
  const statuses = await both(async (side) => {
    const holder = await side.hold();
    const refused = [
      await side.status(['-n', '--conflict-exit-code', '123'], 'true'),
      await side.status(['-w', '.1', '-E', '0'], 'true'),
      await side.status(['-n', '-E', '255'], 'true'),
      await side.status(['-n', '-E', '256'], 'true'),
    ];
    await holder.letGo();
    // It is no status of the command.
    return [...refused, await side.status(['-n', '-E', '123'], 'sh', '-c', 'exit 5')];
  });
  expect(statuses).toEqual(same([123, 0, 255, 64, 5]));
});

row('`-o`, `--close`', async () => {
  const leaves = 'sh -c "read -r _ < gate" > out 2>&1 & exit 0';
  for (const option of ['-o', '--close']) expect(await flock.status([option], 'sh', '-c', leaves)).toBe(0);
  expect(await lockstep.status([], 'sh', '-c', leaves)).toBe(0);
  expect(await both((side) => side.status(['-n'], 'true'))).toEqual(same(0));

  const [theirs, ours] = [await atGate(flock, '-o'), await atGate(lockstep)];
  for (const { wrapper } of [theirs, ours]) wrapper.kill('SIGKILL');
  await Promise.all([theirs.wrapper.exited(), ours.wrapper.exited()]);
  expect([isAlive(theirs.pid), isAlive(ours.pid)]).toEqual([true, true]);
  expect(await both((side) => side.status(['-n'], 'true'))).toEqual({ flock: 0, lockstep: 75 });
});

row('a process that CMD leaves behind', async () => {
  const leaves = 'sh -c "echo \\$\\$; read -r _ < gate" & exit 0';
  const [theirs, ours, held] = await Promise.all([
    flock.start([], ['sh', '-c', leaves]),
    lockstep.start([], ['sh', '-c', leaves]),
    rig.lockstep(['run', 'held', '--hold-descendants', '--', 'sh', '-c', leaves]),
  ]);
  for (const program of [theirs, ours, held]) {
    // Its parent may have ended before it begins.
    await until('what is left has said its pid', () => program.stdout.endsWith('\n'));
    rig.stray(Number(program.stdout));
  }
  await Promise.all([theirs.exited(), ours.exited()]);
  expect(await both((side) => side.status(['-n'], 'true'))).toEqual({ flock: 1, lockstep: 0 });
  expect((await rig.run('run', 'held', '-n', '--', 'true')).status).toBe(75);
  expect(held.running).toBe(true);
  process.kill(Number(held.stdout), 'SIGKILL');
  await held.exited();
  expect((await rig.run('run', 'held', '-n', '--', 'true')).status).toBe(0);
});

row('`-F`, `--no-fork`', async () => {
  const sides = canExec ? [flock, lockstep] : [flock];
  for (const option of ['-F', '--no-fork'])
    for (const side of sides) {
      const { wrapper, pid } = await atGate(side, option);
      expect(pid).toBe(wrapper.pid);
      expect(await side.status(['-n', option, '-E', '123'], 'true')).toBe(123);
      wrapper.kill('SIGKILL');
      expect((await wrapper.ended).status).toBe('SIGKILL');
      expect(await side.status(['-n', option], 'sh', '-c', 'exit 6')).toBe(6);
    }
  if (!canExec) expect(await lockstep.status(['-F'], 'touch', 'ran')).toBe(64);
  expect(rig.exists('ran')).toBe(false);
});

row('`-F` with `-o`', async () => {
  expect(await flock.status(['-F', '-o'], 'touch', 'ran')).toBe(64);
  for (const options of [
    ['-F', '-t', '5'],
    ['-F', '--hold-descendants'],
  ])
    expect(await lockstep.status(options, 'touch', 'ran')).toBe(64);
  expect(rig.exists('ran')).toBe(false);
});

row('`-u`, `--unlock`', async () => {
  for (const option of ['-u', '--unlock']) {
    const rest = 'echo free; read -r _';
    const theirs = script(`exec 9> f; flock 9; flock ${option} 9; flock ${option} 9; echo "again $?"; ${rest}`);
    const release = 'lockstep release n --pid $$';
    const ours = script(`lockstep acquire n --pid $$; ${release}; ${release}; echo "again $?"; ${rest}`);
    await Promise.all([theirs.says('free'), ours.says('free')]);
    expect(await both((side) => side.status(['-n'], 'true'))).toEqual(same(0));
    expect([theirs.stdout, ours.stdout]).toEqual([
      expect.stringContaining('again 0'),
      expect.stringContaining('again 1'),
    ]);
    await Promise.all([theirs.letGo(), ours.letGo()]);
  }
});

row('`--verbose`', async () => {
  const outcomes = await both(async (side) => {
    const free = await side.run(['--verbose'], 'echo', 'x');
    const holder = await side.hold();
    const refused = await side.run(['--verbose', '-n'], 'true');
    await holder.letGo();
    return { free, refused };
  });
  expect(outcomes.flock.free).toMatchObject({ stdout: expect.stringMatching(/^flock: getting lock took /m) });
  expect(outcomes.lockstep.free).toMatchObject({ stdout: 'x\n', stderr: expect.stringMatching(/n: acquired after /) });
  expect(outcomes.flock.refused).toMatchObject({ stdout: '', stderr: 'flock: failed to get lock\n' });
  expect(outcomes.lockstep.refused).toMatchObject({ stdout: '', stderr: expect.stringContaining('n: not free now') });
});

row('`-h`, `--help`, `-V`, `--version`', async () => {
  for (const option of ['-h', '--help', '-V', '--version'])
    expect(await rig.start('flock', [option]).ended).toMatchObject({
      status: 0,
      stdout: expect.stringContaining('flock'),
    });
  expect(await rig.run('run', '--help')).toMatchObject({ status: 0, stdout: expect.stringContaining('lockstep run') });
  expect(await rig.run('--version')).toMatchObject({ status: 0, stdout: expect.stringMatching(/^\d+\.\d+\.\d+/) });
  expect(await rig.run('run', '-h')).toMatchObject({ status: 0, stdout: expect.stringContaining('lockstep run') });
  expect(await rig.run('-V')).toMatchObject({ status: 0, stdout: expect.stringMatching(/^\d+\.\d+\.\d+/) });
});

row('the exit status of CMD', async () => {
  for (const status of [0, 1, 75, 255])
    expect(await both((side) => side.status([], 'sh', '-c', `exit ${status}`))).toEqual(same(status));
});

row('CMD dies of a signal', async () => {
  for (const [signal, status] of [
    ['TERM', 143],
    ['KILL', 137],
    ['SEGV', 139],
  ] as const)
    expect(await both((side) => side.status([], 'sh', '-c', `kill -${signal} $$`))).toEqual(same(status));
});

row('CMD that cannot be run', async () => {
  expect(await both((side) => side.status([], 'no-such-command'))).toEqual({ flock: 69, lockstep: 127 });
  expect(await both((side) => side.status([], './f'))).toEqual({ flock: 69, lockstep: 126 });
  const whileHeld = await both(async (side) => {
    const holder = await side.hold();
    const status = await side.status(['-n', '-E', '123'], 'no-such-command');
    await holder.letGo();
    return status;
  });
  expect(whileHeld).toEqual({ flock: 123, lockstep: 127 });
});

row('a mistake in the options', async () => {
  for (const options of [['-z'], ['-w', 'x'], ['-E', '-1'], ['--no-such']])
    expect(await both((side) => side.status(options, 'touch', 'ran')), options.join(' ')).toEqual(same(64));
  expect(await both((side) => side.status([]))).toEqual(same(64));
  expect((await lockstep.run(['-w', 'x'], 'true')).stderr).toMatch(/--wait takes a duration such as .* not 'x'/);
  expect(rig.exists('ran')).toBe(false);
});

row('FILE that cannot be opened', async () => {
  const theirs = await rig.start('flock', ['f/f', 'touch', 'ran']).ended;
  rig.write('f', '');
  const ours = await lockstep.run(['--dir', 'f/store'], 'touch', 'ran');
  expect([theirs.status, ours.status, rig.exists('ran')]).toEqual([66, 74, false]);
  expect(ours.stderr).toContain('cannot open the store');
});

row('`SIGKILL` to the wrapper', async () => {
  const outcomes = await both(async (side) => {
    const { wrapper, pid } = await atGate(side);
    const next = side.start([], ['sh', '-c', `${IS_LIVING}; is_living ${pid} && echo both; echo next`]);
    await waits(side, next);
    wrapper.kill('SIGKILL');
    await wrapper.exited();
    const whileItRuns = await side.status(['-n', '-E', '123'], 'true');
    process.kill(pid, 'SIGKILL');
    return [whileItRuns, await next.letGo()];
  });
  expect(outcomes).toEqual(same([123, { status: 0, stdout: 'next\n', stderr: '' }]));
});

row('`SIGTERM` to the wrapper', async () => {
  const outcomes = await both(async (side) => {
    const { wrapper, pid } = await atGate(side);
    wrapper.kill('SIGTERM');
    await wrapper.exited();
    return [isAlive(pid), await side.status(['-n', '-E', '123'], 'true')];
  });
  expect(outcomes).toEqual({ flock: [true, 123], lockstep: [false, 0] });
});

row('descriptors that CMD inherits', async () => {
  rig.write('seven', 'handed on\n');
  const show = `sh -c 'cat <&7; ls /proc/self/fd | tr "\\n" " "'`;
  const plain = await script(`exec 7< seven; ${show}`).ended;
  const theirs = await script(`exec 7< seven; flock f ${show}`).ended;
  const ours = await script(`exec 7< seven; lockstep run n -- ${show}`).ended;
  expect(plain.stdout).toMatch(/^handed on\n/);
  const [had, has, hasHere] = [plain, theirs, ours].map(({ stdout }) => stdout.split('\n')[1]?.trim().split(' ') ?? []);
  for (const { stdout } of [theirs, ours]) expect(stdout).toMatch(/^handed on\n/);
  // The lock's.
  expect(has?.filter((fd) => !had?.includes(fd))).toHaveLength(1);
  expect(hasHere?.filter((fd) => !had?.includes(fd))).toEqual(['62', '63']);
});

row('FILE is replaced while it is locked', async () => {
  rig.write('f', 'old');
  const theirs = await flock.hold();
  const ours = rig.lockstep(['run', '--file', 'f', '--', 'sh', '-c', 'echo in; read -r _']);
  await ours.says('in');
  fs.rmSync(rig.path('f'));
  const besides = () => rig.run('run', '--file', 'f', '-n', '--', 'touch', 'ran');
  expect((await besides()).status).toBe(64);
  rig.write('f', 'new');
  expect(await flock.status(['-n'], 'true')).toBe(0);
  expect((await besides()).status).toBe(75);
  expect(rig.exists('ran')).toBe(false);
  await Promise.all([theirs.letGo(), ours.letGo()]);
});

row('the same lock within itself', async () => {
  expect(await flock.status([], 'flock', '-w', '.3', '-E', '123', 'f', 'true')).toBe(123);
  const again = [process.execPath, MAIN, 'run', 'n', '-w', '1h', '--', 'true'];
  const { status, stderr } = await lockstep.run([], ...again);
  expect(status).toBe(75);
  expect(stderr).toContain('n: a deadlock');
});

row('`( flock -n 9 || exit 1; … ) 9>FILE`', async () => {
  const part = 'echo in; read -r _';
  const ours = `( lockstep acquire n --pid "$(exec sh -c 'echo $PPID')" -n > /dev/null || exit 1; ${part} )`;
  for (const [side, text] of [
    [flock, `( flock -n 9 || exit 1; ${part} ) 9> f`],
    [lockstep, ours],
  ] as const) {
    const [first, second] = [script(`${text}; echo "part $?"; read -r _`), rig.path('second.sh')];
    await first.says('in');
    rig.write('second.sh', `${text}; echo "part $?"`);
    const env = { PATH: `${rig.directory}:${process.env.PATH}` };
    expect((await rig.start('sh', [second], { env }).ended).stdout).toBe('part 1\n');
    first.write('\n');
    // The script goes on, and the lock is free.
    await first.says('part 0');
    expect(await side.status(['-n'], 'true')).toBe(0);
    await first.letGo();
  }
});

row('`[ "$FLOCKER" != "$0" ] && exec env FLOCKER="$0" flock -en "$0" "$0" "$@" || :`', async () => {
  const rest = 'echo "in $*"; read -r _';
  const lines = [
    `[ "$FLOCKER" != "$0" ] && exec env FLOCKER="$0" flock -en "$0" "$0" "$@" || :`,
    `[ "\${LOCKSTEP_NAME-}" = nightly ] || exec lockstep run nightly -n -- "$0" "$@"`,
    'lockstep acquire by-pid --pid $$ -n > /dev/null || exit',
  ];
  const statuses = [];
  for (const [at, line] of lines.entries()) {
    const file = rig.write(`own.${at}`, `#!/bin/sh\n${line}\n${rest}\n`, 0o755);
    const env = { PATH: `${rig.directory}:${process.env.PATH}` };
    const first = rig.start(file, ['a  b'], { env });
    await first.says('in a  b');
    statuses.push((await rig.start(file, [], { env, input: '' }).ended).status);
    first.kill('SIGKILL');
    await first.letGo();
  }
  expect(statuses).toEqual([1, 75, 75]);
});

row('FILE beside programs that have moved', async () => {
  const holder = await lockstep.hold('--flock', 'f');
  const refused = async () => [
    await flock.status(['-n'], 'true'),
    await lockstep.status(['-n', '-q'], 'true'),
    await lockstep.status(['-n', '-q', '--flock', 'f'], 'true'),
  ];
  expect(await refused()).toEqual([1, 75, 75]);
  await holder.letGo();
  const other = await flock.hold();
  expect(await refused()).toEqual([1, 0, 75]);
  await other.letGo();
});

row('`lslocks`, `fuser FILE`', async () => {
  const [theirs, ours] = [await flock.hold(), await lockstep.hold()];
  const next = lockstep.start(['-s'], ['true']);
  await rig.line('n', 1, 1);
  const locks = spawnSync('lslocks', ['--noheadings', '--raw', '--output', 'PID,PATH'], { encoding: 'utf8' }).stdout;
  expect(locks).toContain(`${theirs.pid} ${fs.realpathSync(rig.path('f')).replaceAll(' ', '\\x20')}`);
  const { stdout } = await rig.run('status', 'n');
  expect(stdout).toMatch(/ holding .* sh -c echo in/);
  expect(stdout).toMatch(new RegExp(` waiting shared .* ${next.pid} `));
  await Promise.all([theirs.letGo(), ours.letGo(), next.letGo()]);
});

table.complete(MANUAL);
