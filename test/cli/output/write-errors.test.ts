import { afterEach, beforeEach, expect, test } from 'vitest';
import { Rig } from '../../support/cli-rig.ts';

let rig: Rig;
beforeEach(() => {
  rig = new Rig();
});
afterEach(() => rig.end());

/** Verbs that print a result. (`acquire`: acquire.test.ts; a command of `run` prints by itself.) */
const PRINTING = [
  '--help',
  '--version',
  'help run',
  'status --all',
  'status --json',
  'history n',
  'history n --json',
  'timeline n -o -',
  'top --once',
  'jobs --json',
  'jobs --prometheus',
  'monitor --once --json',
  'counter c +1',
  'barrier b -p 1',
  'doctor --json',
  'completion bash',
  'man',
  'with --prefix -- echo in',
  'break held',
  'forget n',
];

test.skipIf(process.platform !== 'linux')(
  'a result that cannot be written is an error with a message and an exit code, whatever verb prints it',
  { timeout: 120_000 },
  async () => {
    await rig.hold('held');
    const verbs = PRINTING.map((words) => `try ${words}`).join('\n');
    const { stdout } = await rig.script(
      `lockstep run n -- true; lockstep job j -- true
       try() { message=$(lockstep "$@" 2>&1 >/dev/full); echo "$* $? $message"; }
       ${verbs}`,
      { input: '' },
    ).ended;
    const message = 'lockstep: (with: )?cannot write to stdout: ENOSPC: no space left on device, write';
    const lines = stdout.split('\n').filter((line) => !/^lockstep: held: the lease .* is lost/.test(line));
    expect(lines.slice(0, -1)).toEqual(
      PRINTING.map((words) => expect.stringMatching(new RegExp(`^${words.replace('+', '\\+')} 74 ${message}$`))),
    );
  },
);

test.skipIf(process.platform !== 'linux')('a message that cannot be written changes no exit code', async () => {
  await rig.hold('held');
  const { stdout } = await rig.script(
    `{ lockstep run held -n -- true; echo $?; lockstep run n -v -- sh -c 'exit 3'; echo $?; lockstep status nosuch; echo $?
       lockstep run n --tiemout 5 -- true; echo $?; lockstep acquire n --pid $$ -v >/dev/null; echo $?; } 2>/dev/full`,
    { input: '' },
  ).ended;
  expect(stdout).toBe('75\n3\n1\n64\n0\n');
});

test('with --prefix ends when the reader of its output is gone, with the status of MAIN', async () => {
  const { stdout, stderr } = await rig.script('{ lockstep with --prefix -- echo in; echo $? >&2; } | true', {
    input: '',
  }).ended;
  expect({ stdout, stderr }).toEqual({ stdout: '', stderr: '0\n' });
});
