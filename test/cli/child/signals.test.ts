import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { MAIN, type Program, Rig, until } from '../../support/cli-rig.ts';

const AS_INIT = ['--pid', '--fork', '--mount-proc', '--kill-child'];
const permitted = spawnSync('unshare', [...AS_INIT, 'true']).status === 0;

let rig: Rig;
beforeEach(() => {
  rig = new Rig();
});
afterEach(() => rig.end());

/** Verbs that wait while another process holds `n`. */
const WAITING: Array<[string, string[]]> = [
  ['run', ['run', 'n', '--', 'touch', 'ran']],
  ['acquire', ['acquire', 'n', '--pid', '1']],
  ['job', ['job', 'n', '--overlap', 'wait', '--', 'touch', 'ran']],
];
/** Verbs that wait for something else. */
const OTHERS: Array<[string, string[]]> = [
  ['event', ['event', 'wait', 'e']],
  ['barrier', ['barrier', 'b', '-p', '2']],
];

/** The only child of a program: the `lockstep` that `unshare` started. */
function childOf({ pid }: Program): number {
  return Number(fs.readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8'));
}

// The kernel delivers to it only signals that it handles.
describe.runIf(permitted)('the first process of a container', () => {
  const CASES = ([...WAITING, ...OTHERS] as const).flatMap(([verb, args]) =>
    (
      [
        ['SIGTERM', 143],
        ['SIGINT', 130],
        ['SIGHUP', 129],
      ] as const
    ).map(([signal, status]) => [verb, signal, status, args] as const),
  );
  test.each(CASES)(
    '%s, while it waits, ends at %s with %i, and leaves nothing in line',
    async (verb, signal, status, args) => {
      const holder = await rig.hold('n');
      const program = rig.start('unshare', [...AS_INIT, process.execPath, MAIN, ...args]);
      const name = args.find((word) => word.length === 1) as string;
      await rig.line(name, name === 'n' ? 1 : 0, 1);
      process.kill(childOf(program), signal);
      const { status: code, stderr } = await program.ended;
      expect(code).toBe(status);
      expect(stderr).toBe(verb === 'job' ? `lockstep: n: was ended before its command began by ${signal}\n` : '');
      await rig.line(name, name === 'n' ? 1 : 0, 0);
      await holder.letGo();
      expect(rig.exists('ran')).toBe(false);
    },
  );

  test('forwards a signal to its command, and does not end by itself', async () => {
    const command = `trap 'echo got TERM; exit 7' TERM; echo in; while :; do sleep 0.01; done`;
    const program = rig.start('unshare', [...AS_INIT, process.execPath, MAIN, 'run', 'n', '--', 'sh', '-c', command]);
    await program.says('in');
    process.kill(childOf(program), 'SIGTERM');
    expect(await program.ended).toEqual({ status: 7, stdout: 'in\ngot TERM\n', stderr: '' });
  });
});

describe('SIGUSR1, at which Node opens its debugger on a port,', () => {
  test.each(WAITING)('does nothing to a waiting %s, which gets its turn', async (verb, args) => {
    const holder = await rig.hold('n');
    const words = verb === 'acquire' ? ['acquire', 'n', '--pid', String(process.pid)] : args;
    const program = rig.lockstep(words, { input: '' });
    await rig.line('n', 1, 1);
    program.kill('SIGUSR1');
    await until('the signal was handled', () => !isPending(program.pid, 10) && isAsleep(program.pid));
    await holder.letGo();
    const { status, stderr } = await program.ended;
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(rig.exists('ran')).toBe(verb !== 'acquire');
  });

  test('is for the command, once there is one', async () => {
    const command = `trap 'echo got USR1; exit 3' USR1; echo in; while :; do sleep 0.01; done`;
    const program = rig.lockstep(['run', 'n', '--', 'sh', '-c', command]);
    await program.says('in');
    program.kill('SIGUSR1');
    expect(await program.ended).toEqual({ status: 3, stdout: 'in\ngot USR1\n', stderr: '' });
  });
});

function isPending(pid: number, signal: number): boolean {
  const masks = fs.readFileSync(`/proc/${pid}/status`, 'utf8').matchAll(/^(?:Shd|Sig)Pnd:\t(\S+)$/gm);
  return [...masks].some(([, mask]) => (BigInt(`0x${mask}`) >> BigInt(signal - 1)) & 1n);
}

/** From the signal on until its handlers have run, the main thread, which the kernel prefers, runs or is ready to. */
function isAsleep(pid: number): boolean {
  return /^State:\tS/m.test(fs.readFileSync(`/proc/${pid}/status`, 'utf8'));
}
