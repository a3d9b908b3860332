import { spawnSync } from 'node:child_process';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { MAIN, Rig, until } from '../../../support/cli-rig.ts';
import { CONTAINER, mayContain } from '../../../support/container.ts';

const canExec = 'execve' in process;

let rig: Rig;
beforeEach(() => {
  rig = new Rig();
});
afterEach(() => rig.end());

test.each([
  ['--timeout', ['-t', '5']],
  ['--hold-descendants', ['--hold-descendants']],
])('--no-fork and %s exclude each other', async (option, args) => {
  const { status, stderr } = await rig.run('run', 'n', '-F', ...args, '--', 'touch', 'ran');
  expect({ status, ran: rig.exists('ran') }).toEqual({ status: 64, ran: false });
  expect(stderr).toContain(`--no-fork and ${option} exclude each other`);
});

test.runIf(!canExec)('on a Node that cannot do it, it is refused before anything is locked, in words', async () => {
  const { status, stderr } = await rig.run('run', 'n', '--no-fork', '--', 'touch', 'ran');
  expect({ status, ran: rig.exists('ran'), store: rig.exists('store') }).toEqual({
    status: 64,
    ran: false,
    store: false,
  });
  expect(stderr).toContain(
    `it takes a Node with process.execve (22.15, 23.11 or later); this one is ${process.version}`,
  );
});

describe.runIf(canExec)('a command that replaces its wrapper', () => {
  test('has its pid, its streams, its signals and its environment, and ends with its own status', async () => {
    const show =
      'echo $$; grep -E "Sig(Blk|Ign)" /proc/self/status; cat; echo $LOCKSTEP_NAME $A_B; echo err >&2; exit 3';
    const text = `A_B='x y' exec "$MAIN" run n -F -- sh -c '${show}'`;
    const program = rig.script(`trap '' INT; ${text}`, { input: 'words\n', env: { PATH: pathWithNode() } });
    const zeros = (bits: string) => bits.padStart(16, '0');
    expect(await program.ended).toEqual({
      status: 3,
      stdout: `${program.pid}\nSigBlk:\t${zeros('0')}\nSigIgn:\t${zeros('2')}\nwords\nn x y\n`,
      stderr: 'err\n',
    });
  });

  test('holds the lock until it ends, and is killed as any command', async () => {
    const holder = await rig.hold('n', '-F');
    expect((await rig.run('run', 'n', '-n', '--', 'true')).status).toBe(75);
    holder.kill('SIGKILL');
    await holder.ended;
    expect((await rig.run('run', 'n', '-n', '--', 'true')).status).toBe(0);
  });

  test('lets the next one in as it ends', async () => {
    const holder = await rig.hold('n', '-F');
    const next = rig.visitor('n', '-F');
    await rig.line('n', 1, 1);
    await holder.letGo();
    await next.says('in ');
    expect(await next.letGo()).toMatchObject({ status: 0 });
  });

  test('is refused where it would lose a descriptor', async () => {
    rig.write('seven', 'x');
    const program = rig.script('exec 7< seven; lockstep run n -F -- touch ran', { input: '' });
    const { status, stderr } = await program.ended;
    expect({ status, ran: rig.exists('ran') }).toEqual({ status: 64, ran: false });
    expect(stderr).toContain('--no-fork cannot hand on descriptor 7');
  });

  test('that is not there is reported as ever, and nothing stays locked', async () => {
    expect(await rig.run('run', 'n', '-F', '--', './nosuch')).toMatchObject({ status: 127 });
    expect(await rig.entries('n')).toEqual([]);
  });

  test.runIf(mayContain)('is not robbed from another pid namespace, and is found dead there', async () => {
    const inContainer = () => {
      const [file = '', ...args] = [...CONTAINER, process.execPath, MAIN, 'run', 'n', '-n', '--dir', rig.storePath];
      return spawnSync(file, [...args, '--', 'true']).status;
    };
    const holder = await rig.hold('n', '-F');
    expect([inContainer(), inContainer()]).toEqual([75, 75]);
    holder.kill('SIGKILL');
    await holder.ended;
    await until('a container gets it', () => inContainer() === 0);
  });
});

function pathWithNode(): string {
  return `${process.execPath.replace(/\/[^/]*$/, '')}:${process.env.PATH}`;
}
