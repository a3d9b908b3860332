import fs from 'node:fs';
import os from 'node:os';
import { afterEach, beforeEach, expect } from 'vitest';
import { MAIN, type Program, type Result, Rig, until } from '../support/cli-rig.ts';
import { Side, Table } from './beside.ts';

const MANUAL = [
  ...['--bg', '--fg', '-j', '--jobs', '-P', '--max-procs', '--id', '--semaphorename', '--st', '--semaphoretimeout'],
  ...['--wait', '-u', '--ungroup', '--pipe', '-q', '--quote', '--help', '--version'],
];

let rig: Rig;
let sem: Side;
let lockstep: Side;

beforeEach(() => {
  rig = new Rig();
  rig.gate('gate');
  // Without this file it asks to be cited.
  fs.mkdirSync(rig.path('parallel'));
  rig.write('parallel/will-cite', '');
  const home = `PARALLEL_HOME=${rig.path('parallel')}`;
  // What is not quoted is read by a shell, and so is the shell's own text: all of it is quoted, as Lockstep does it.
  sem = new Side(rig, (options, command) => ['env', home, 'sem', '--id', 'n', '-q', ...options, ...command]);
  lockstep = new Side(rig, (options, command) => [process.execPath, MAIN, 'run', 'n', ...options, '--', ...command]);
});
afterEach(() => rig.end());

/** `sem` with these words alone. */
function bare(...words: string[]): Program {
  return rig.start('env', [`PARALLEL_HOME=${rig.path('parallel')}`, 'sem', ...words], { input: '' });
}

const table = new Table('sem');
const row = table.row.bind(table);

/** A command that says its pid in a file, and waits at the gate. */
function waiting(name: string): string[] {
  return ['sh', '-c', `echo $$ > ${name}.part && mv ${name}.part ${name}; read -r _ < gate`];
}

/** Has `sem` start such a command in the background; that has `sem`'s output for as long as it lives. */
async function inBackground(options: readonly string[], name: string): Promise<Result['status']> {
  const words = ['sem', '--id', 'n', '-q', ...options, ...waiting(name)];
  const program = rig.start('sh', ['-c', 'exec "$@" > background.out 2>&1', 'sh', ...words], {
    env: { PARALLEL_HOME: rig.path('parallel') },
    input: '',
  });
  return (await program.ended).status;
}

async function began(name: string): Promise<number> {
  await until(`${name} has begun`, () => rig.exists(name));
  return rig.stray(Number(rig.read(name)));
}

row('`CMD`, `--bg`', async () => {
  for (const options of [[], ['--bg']] as const) {
    const name = `one${options.length}`;
    expect(await inBackground(options, name)).toBe(0);
    const pid = await began(name);
    // There is no permit left, so the next one is not in the background before it has one.
    expect(await sem.status(['--fg', '--st', '-1'], 'touch', 'ran')).toBe(1);
    process.kill(pid, 'SIGKILL');
    await bare('--id', 'n', '--wait').ended;
  }
  expect(await sem.status([], 'sh', '-c', 'exit 9')).toBe(0);
  rig.write('lockstep', '#!/bin/sh\nexec "$NODE" "$MAIN" "$@"\n', 0o755);
  const text = `./lockstep run n -- sh -c 'exit 9' &\necho goes on\nwait $!; echo "status $?"`;
  expect(await rig.start('sh', ['-c', text], { input: '' }).ended).toMatchObject({ stdout: 'goes on\nstatus 9\n' });
  expect(rig.exists('ran')).toBe(false);
});

row('`--fg`', async () => {
  const command = ['sh', '-c', 'echo "$1"; exit 6', 'sh', 'x'];
  const outcomes = [await sem.run(['--fg'], ...command), await lockstep.run([], ...command)];
  for (const outcome of outcomes) expect(outcome).toMatchObject({ status: 6, stdout: 'x\n' });
});

row('`--id NAME`, `--semaphorename`', async () => {
  for (const option of ['--id', '--semaphorename']) {
    const status = async (name: string) => (await bare(option, name, '--fg', '--st', '-1', 'true').ended).status;
    expect(await inBackground([], `in${option}`)).toBe(0);
    const pid = await began(`in${option}`);
    expect([await status('n'), await status('other')]).toEqual([1, 0]);
    process.kill(pid, 'SIGKILL');
    await bare('--id', 'n', '--wait').ended;
  }
  const holder = await lockstep.hold();
  expect(await lockstep.status(['-n'], 'true')).toBe(75);
  expect((await rig.run('run', 'other', '-n', '--', 'true')).status).toBe(0);
  expect((await rig.run('run', '-n', '--', 'true')).status).toBe(64);
  await holder.letGo();
});

row(
  '`-j N`, `--jobs`, `-P`, `--max-procs`',
  async () => {
    for (const option of ['-j', '--jobs', '-P', '--max-procs']) {
      const names = [`a${option}`, `b${option}`];
      for (const name of names) expect(await inBackground([option, '2'], name)).toBe(0);
      const pids = await Promise.all(names.map(began));
      expect(await sem.status([option, '2', '--fg', '--st', '-1'], 'touch', 'ran')).toBe(1);
      // Another number is one's own matter.
      expect(await sem.status([option, '3', '--fg', '--st', '-1'], 'true')).toBe(0);
      for (const pid of pids) process.kill(pid, 'SIGKILL');
      await bare('--id', 'n', '--wait').ended;
    }
    for (const option of ['-p', '--permits']) {
      const holders = [await lockstep.hold(option, '2'), await lockstep.hold(option, '2')];
      expect(await lockstep.status([option, '2', '-n'], 'touch', 'ran')).toBe(75);
      expect(await lockstep.status([option, '3', '-n'], 'touch', 'ran')).toBe(64);
      expect(await lockstep.status(['-n'], 'touch', 'ran')).toBe(64);
      await Promise.all(holders.map((holder) => holder.letGo()));
    }
    expect(await lockstep.status(['-p', '3', '--resize', '-n'], 'true')).toBe(0);
    expect(rig.exists('ran')).toBe(false);
  },
  60_000,
);

row('`-j +N`, `-j N%`, `-j PROCFILE`', async () => {
  rig.write('procs', '2\n');
  for (const number of ['+1', '100%', 'procs'])
    expect(await sem.status(['--fg', '-j', number], 'true'), number).toBe(0);
  const { stdout } = await rig.start('sh', ['-c', 'nproc; cat procs'], { input: '' }).ended;
  expect(stdout).toBe(`${os.availableParallelism()}\n2\n`);
  for (const number of stdout.trim().split('\n'))
    expect((await rig.run('run', `p${number}`, '-p', number, '--', 'true')).status).toBe(0);
  expect(await lockstep.status(['-p', '100%'], 'touch', 'ran')).toBe(64);
  expect(rig.exists('ran')).toBe(false);
});

row('`--st SECS`, `--semaphoretimeout`', async () => {
  for (const option of ['--st', '--semaphoretimeout']) {
    expect(await inBackground([], `in${option}`)).toBe(0);
    const pid = await began(`in${option}`);
    expect(await sem.run(['--fg', option, '1'], 'sh', '-c', `kill -0 ${pid} && echo both`)).toMatchObject({
      status: 0,
      stdout: 'both\n',
    });
    process.kill(pid, 'SIGKILL');
    await bare('--id', 'n', '--wait').ended;
  }
  const holder = await lockstep.hold();
  expect(await lockstep.status(['-w', '1'], 'touch', 'ran')).toBe(75);
  expect(rig.exists('ran')).toBe(false);
  await holder.letGo();
});

row('`--st -SECS`', async () => {
  expect(await inBackground([], 'in')).toBe(0);
  const pid = await began('in');
  expect(await sem.run(['--fg', '--st', '-1'], 'touch', 'ran')).toMatchObject({
    status: 1,
    stderr: expect.stringContaining('timed out'),
  });
  process.kill(pid, 'SIGKILL');
  const holder = await lockstep.hold();
  expect(await lockstep.run(['-w', '.2'], 'touch', 'ran')).toMatchObject({
    status: 75,
    stderr: expect.stringContaining('held by pid'),
  });
  expect(rig.exists('ran')).toBe(false);
  await holder.letGo();
});

row('`--wait`', async () => {
  expect(await inBackground([], 'in')).toBe(0);
  const pid = await began('in');
  const holder = await lockstep.hold();
  const waits = [bare('--id', 'n', '--wait'), rig.lockstep(['wait', 'n'], { input: '' })];
  expect((await rig.run('wait', 'n', '-w', '.3')).status).toBe(75);
  expect(waits.map(({ running }) => running)).toEqual([true, true]);
  process.kill(pid, 'SIGKILL');
  await holder.letGo();
  for (const one of waits) expect(await one.ended).toMatchObject({ status: 0 });
});

row('`-u`, `--ungroup`', async () => {
  // It is seen while the command runs.
  const command = ['sh', '-c', 'echo early $$; read -r _ < gate'];
  for (const program of [
    sem.start(['--fg', '-u', '-j', '2'], command),
    sem.start(['--fg', '--ungroup', '-j', '2'], command),
    lockstep.start([], command),
  ]) {
    const [, pid] = await program.says(/early (\d+)\n/);
    expect(program.running).toBe(true);
    process.kill(rig.stray(Number(pid)), 'SIGKILL');
    await program.exited();
  }
});

row('`--pipe`', async () => {
  const options = { input: 'line\n' };
  const [theirs, ours] = [sem.start(['--fg', '--pipe'], ['cat'], options), lockstep.start([], ['cat'], options)];
  for (const program of [theirs, ours]) expect(await program.ended).toMatchObject({ status: 0, stdout: 'line\n' });
});

row('`-q`, `--quote`', async () => {
  const words = ['a  b', '$HOME', 'x;y'];
  const asTheyAre = `${words.join('\n')}\n`;
  for (const option of ['-q', '--quote'])
    expect((await bare('--id', 'q', '--fg', option, 'printf', '%s\n', ...words).ended).stdout).toBe(asTheyAre);
  expect((await lockstep.run([], 'printf', '%s\n', ...words)).stdout).toBe(asTheyAre);
  const inShell = [
    await bare('--id', 'q', '--fg', 'echo', 'a  b;', 'echo', 'c').ended,
    await rig.run('run', 'q', '-c', 'echo a  b; echo c'),
  ];
  expect(inShell.map(({ stdout }) => stdout)).toEqual(['a b\nc\n', 'a b\nc\n']);
  expect(await lockstep.run(['-q'], 'true')).toEqual({ status: 0, stdout: '', stderr: '' });
});

row('the exit status with `--fg`', async () => {
  for (const [text, status] of [
    ['exit 0', 0],
    ['exit 75', 75],
    ['kill -KILL $$', 137],
    ['kill -TERM $$', 143],
  ] as const)
    expect([await sem.status(['--fg'], 'sh', '-c', text), await lockstep.status([], 'sh', '-c', text)]).toEqual([
      status,
      status,
    ]);
});

row('CMD that is not there', async () => {
  expect([await sem.status(['--fg'], 'no-such-command'), await lockstep.status([], 'no-such-command')]).toEqual([
    127, 127,
  ]);
  expect(await inBackground([], 'in')).toBe(0);
  const pid = await began('in');
  const holder = await lockstep.hold();
  expect(await sem.status(['--fg', '--st', '-1'], 'no-such-command')).toBe(1);
  expect(await lockstep.status(['-n'], 'no-such-command')).toBe(127);
  process.kill(pid, 'SIGKILL');
  await holder.letGo();
});

row('`--help`, `--version`', async () => {
  expect((await bare('--help').ended).stdout).toContain('parallel');
  expect((await bare('--version').ended).stdout).toMatch(/^GNU parallel \d+/);
  expect(await rig.run('run', '--help')).toMatchObject({ status: 0, stdout: expect.stringContaining('--permits') });
  expect(await rig.run('--version')).toMatchObject({ status: 0 });
});

table.complete(MANUAL);
