import fs from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { isAlive, type Program, Rig } from '../../../support/cli-rig.ts';
import { gone } from '../../../support/main-process.ts';
import { until } from '../../../support/process-rig.ts';

let rig: Rig;
beforeEach(() => {
  rig = new Rig();
});
afterEach(() => rig.end());

/** A line for a daemon that says its pid in a file, and would go on for long. */
function lasting(name: string): string {
  return `echo $$ > '${rig.path(name)}'; sleep 1000; :`;
}

async function pidIn(name: string): Promise<number> {
  const read = () => (rig.exists(name) ? fs.readFileSync(rig.path(name), 'utf8').trim() : '');
  await until(`${name} says its pid`, () => read() !== '');
  return Number(read());
}

/** A line of `sh` for MAIN that waits until the daemons have begun. */
function begun(...names: string[]): string {
  return names.map((name) => `until [ -s '${rig.path(name)}' ]; do sleep 0.01; done;`).join(' ');
}

describe('the daemons', () => {
  test.each([
    ['ends well', 'exit 0', 0],
    ['fails', 'exit 7', 7],
    ['is killed', 'kill -KILL $$', 137],
  ])('end when MAIN %s, and its exit code is passed through', async (_, end, status) => {
    const line = `${begun('one', 'two')} ${end}`;
    const result = await rig.run('with', '--daemon', lasting('one'), '-d', lasting('two'), '--', 'sh', '-c', line);
    expect(result).toEqual({ status, stdout: '', stderr: '' });
    expect([await pidIn('one'), await pidIn('two')].filter(isAlive)).toEqual([]);
  });

  test('end with all that they started, and SIGKILL follows SIGTERM after --grace', async () => {
    const line = `trap '' TERM; sleep 1000 & echo $! > '${rig.path('child')}'; ${lasting('mule')}`;
    const main = begun('mule', 'child');
    const { status } = await rig.run('with', '--grace', '100ms', '-d', line, '--', 'sh', '-c', main);
    expect(status).toBe(0);
    await gone(await pidIn('mule'), await pidIn('child'));
  });

  test('end when lockstep itself is killed', async () => {
    const program = rig.lockstep(['with', '-d', lasting('one'), '--', 'cat']);
    const pid = await pidIn('one');
    program.kill('SIGKILL');
    await program.exited();
    await gone(pid);
    // MAIN is no daemon, and goes on.
    expect(program.stderr).toBe('');
    await program.letGo();
  });

  test.each([
    ['MAIN has ended', (program: Program) => void program.letGo()],
    ['a signal has ended MAIN', (program: Program) => program.kill('SIGTERM')],
    ['lockstep itself is killed', (program: Program) => program.kill('SIGKILL')],
  ])('end with what has left their session when %s, also if it has been let go before', async (_, end) => {
    const line = `setsid sh -c "${lasting('child')}" & (setsid sh -c "${lasting('orphan')}" &); ${lasting('one')}`;
    const program = rig.lockstep(['with', '-d', line.replaceAll('$$ >', '\\$\\$ >'), '--', 'cat']);
    const pids = [rig.stray(await pidIn('child')), rig.stray(await pidIn('orphan')), await pidIn('one')];
    end(program);
    await gone(...pids);
    program.letGo();
    await program.exited();
  });

  test('are not started when MAIN cannot be run', async () => {
    const { status, stderr } = await rig.run('with', '-d', lasting('one'), '--', 'no-such-command');
    expect(status).toBe(127);
    expect(stderr).toContain('with: no-such-command: command not found in PATH');
    expect(rig.exists('one')).toBe(false);
  });

  test('that end before MAIN are reported, and MAIN goes on', async () => {
    const program = rig.lockstep(['with', '-d', 'exit 3', '--', 'cat']);
    await program.says('with: daemon exit ended before MAIN (exit code 3)', 'stderr');
    expect(program.running).toBe(true);
    expect((await program.letGo()).status).toBe(0);
  });

  test('are none, where none is asked for', async () => {
    expect(await rig.run('with', '--', 'echo', '--daemon')).toEqual({ status: 0, stdout: '--daemon\n', stderr: '' });
  });
});

test('a signal reaches MAIN, which decides', async () => {
  const line = `trap 'echo caught; exit 5' TERM; echo ready; while :; do sleep 0.02; done`;
  const program = rig.lockstep(['with', '-d', lasting('one'), '--', 'sh', '-c', line]);
  await program.says('ready');
  const pid = await pidIn('one');
  program.kill('SIGTERM');
  expect(await program.ended).toEqual({ status: 5, stdout: 'ready\ncaught\n', stderr: '' });
  expect(isAlive(pid)).toBe(false);
});

test('MAIN has standard input, and the daemons have none', async () => {
  const program = rig.lockstep(['with', '-d', `cat; ${lasting('one')}`, '--', 'cat']);
  await pidIn('one');
  program.write('for main\n');
  await program.says('for main');
  expect(await program.letGo()).toEqual({ status: 0, stdout: 'for main\n', stderr: '' });
});

describe('--prefix', () => {
  test('says of each line whose it is, the last one too if nothing ends it', async () => {
    const daemon = `echo from the daemon; printf 'and more'; ${lasting('one')}`;
    const main = `${begun('one')} echo from main; echo in distress >&2; printf unended`;
    const { status, stdout, stderr } = await rig.run('with', '--prefix', '-d', daemon, '--', 'sh', '-c', main);
    expect(status).toBe(0);
    expect(stdout.split('\n').sort()).toEqual([
      '',
      'echo | and more',
      'echo | from the daemon',
      'sh   | from main',
      'sh   | unended',
    ]);
    expect(stderr).toBe('sh   | in distress\n');
  });

  test('lets a process open its outputs again by their names, and keeps them apart', async () => {
    const main = 'echo one; echo two > /dev/stdout; echo three > /dev/stderr; echo four >&2';
    const { status, stdout, stderr } = await rig.run('with', '--prefix', '--', 'sh', '-c', main);
    expect({ status, stdout, stderr }).toEqual({
      status: 0,
      stdout: 'sh | one\nsh | two\n',
      stderr: 'sh | three\nsh | four\n',
    });
  });

  test('ends with MAIN, whose own output is whole, though MAIN left a process that goes on printing', async () => {
    const main = '(trap "" HUP; while echo more; do : > more; done) & echo $! > pid; echo own';
    const { status, stdout } = await rig.run('with', '--prefix', '--', 'sh', '-c', main);
    const pid = rig.stray(await pidIn('pid'));
    expect(status).toBe(0);
    expect(stdout).toContain('sh | own\n');
    fs.rmSync(rig.path('more'), { force: true });
    await until('it prints on', () => rig.exists('more'));
    expect(isAlive(pid)).toBe(true);
  });

  test('distinguishes daemons of one program', async () => {
    const main = begun('one', 'two');
    const daemons = ['-d', `echo 1; ${lasting('one')}`, '-d', `echo 2; ${lasting('two')}`];
    const { stdout } = await rig.run('with', '--prefix', ...daemons, '--', 'sh', '-c', main);
    expect(stdout.split('\n').sort()).toEqual(['', 'echo   | 1', 'echo#2 | 2']);
  });

  test('ends, and MAIN with it, when nobody reads any more', async () => {
    const script = rig.script(`lockstep with --prefix -- sh -c 'while echo again; do :; done' | head -n 1`, {
      input: '',
    });
    expect(await script.ended).toMatchObject({ status: 0, stdout: 'sh | again\n' });
  });
});

test.each([
  ['no MAIN', ['with', '-d', 'true'], /missing command behind --/],
  ['an empty --daemon', ['with', '-d', '--', 'true'], /--daemon needs a value|-d needs a value/],
  ['a --grace that is none', ['with', '--grace', 'soon', '--', 'true'], /--grace takes a duration/],
])('%s exits 64 with words', async (_, args, words) => {
  const { status, stderr } = await rig.run(...args);
  expect(status).toBe(64);
  expect(stderr).toMatch(words);
});
