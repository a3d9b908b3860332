import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { isAlive, until } from '../../../support/cli-rig.ts';
import { JobRig } from '../../../support/job-rig.ts';

let rig: JobRig;
beforeEach(() => {
  rig = new JobRig();
});
afterEach(() => rig.end());

function pidIn(name: string): number {
  return rig.stray(Number(rig.read(name)));
}

describe('the output', () => {
  test('is whole after the command has opened /dev/stderr and /dev/stdout, in the log, the history and what is printed', async () => {
    const command =
      'echo 1; echo 2 > /dev/stderr; echo 3 | tee /dev/stderr > /dev/null; printf "\\377\\342"; echo; exit 3';
    const { status, stdout } = await rig.job('n', '--log', rig.path('log'), '-c', command);
    expect({ status, stdout }).toEqual({ status: 3, stdout: '1\n2\n3\n\ufffd\ufffd\n' });
    expect(fs.readFileSync(rig.path('log'), 'latin1')).toBe('1\n2\n3\n\xff\xe2\n');
    expect(rig.ended()).toMatchObject({ code: 3, tail: '1\n2\n3\n\ufffd\ufffd\n' });
  });

  test('is whole though the command left a process that goes on printing: the run ends, and that process lives', async () => {
    const left = '(trap "" HUP; while head -c 100000 /dev/zero; do : > more; done) & echo $! > pid';
    const { status, stdout } = await rig.job('n', '-c', `echo own; ${left}; echo last; exit 3`);
    const pid = pidIn('pid');
    expect(status).toBe(3);
    expect(stdout.startsWith('own\n')).toBe(true);
    expect(stdout).toContain('last\n');
    expect(stdout.length).toBeLessThan(5_000_000);
    expect(fs.readdirSync(rig.jobDirectory())).toEqual([expect.stringMatching(/\.run$/)]);
    fs.rmSync(rig.path('more'), { force: true });
    await until('it prints on', () => rig.exists('more'));
    expect(isAlive(pid)).toBe(true);
    expect(fs.statSync(`/proc/${pid}/fd/1`).isFIFO()).toBe(true);
  });

  test('of a command whose `lockstep job` is killed stays bounded, and ends it with SIGPIPE', async () => {
    const program = rig.lockstep(['job', 'n', '-c', 'echo $$ > pid; yes; echo $? > status']);
    const output = () => fs.readdirSync(rig.jobDirectory()).filter((file) => file.endsWith('.output'))[0] ?? '';
    await until('it prints', () => rig.exists('pid') && rig.tail(rig.last().run) !== '');
    program.kill('SIGKILL');
    await program.exited();
    pidIn('pid');
    await until('it has ended', () => rig.exists('status') && rig.outcomes()[0] === 'lost');
    expect(rig.read('status')).toBe('141\n');
    expect(fs.statSync(`${rig.jobDirectory()}/${output()}`).size).toBeLessThanOrEqual(4 * 1024 * 1024);
  });

  test('to a reader that does not read: the run still ends at its timeout, and is recorded', async () => {
    const gate = rig.gate('gate');
    const program = rig.script('lockstep job n -v -t 2s -- yes | { read -r _ < gate; head -c 4; }');
    await until('it is recorded', () => rig.outcomes()[0] === 'timed-out');
    gate.open();
    expect((await program.letGo()).stdout).toBe('y\ny\n');
  });
});

describe('--log', () => {
  test.each([
    ['a FIFO that no process reads', 'fifo', 'it is a FIFO that no process reads; start its reader first'],
    ['a directory', '.', 'it is a directory'],
  ])('that is %s: the command does not begin', async (_, log, why) => {
    execFileSync('mkfifo', [rig.path('fifo')]);
    const { status, stderr } = await rig.job('n', '--log', log, '--', 'touch', 'ran');
    expect({ status, ran: rig.exists('ran') }).toEqual({ status: 74, ran: false });
    expect(stderr).toBe(`lockstep: --log ${log}: cannot be opened: ${why}. The command did not begin.\n`);
  });

  test('may be a FIFO with a reader, /dev/stdout or /dev/null', async () => {
    const script = rig.script(
      'mkfifo fifo; cat fifo & lockstep job n --log fifo -- echo one; wait; lockstep job n --log /dev/stdout -- echo two | cat; lockstep job n --log /dev/stdout -- echo three; lockstep job n --log /dev/null -- echo four',
      { input: '' },
    );
    // The last stdout is a socket, which cannot be opened under its name.
    expect(await script.ended).toEqual({ status: 0, stdout: 'one\ntwo\nthree\n', stderr: '' });
    expect(rig.outcomes()).toEqual(Array(4).fill('succeeded'));
  });
});
