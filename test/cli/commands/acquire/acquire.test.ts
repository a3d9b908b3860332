import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Rig } from '../../../support/cli-rig.ts';

let rig: Rig;
beforeEach(() => {
  rig = new Rig();
});
afterEach(() => rig.end());

describe('acquire --pid $$ in a shell script', () => {
  test('prints the token and nothing else, and holds until release', async () => {
    const shell = rig.script(`
      token=$(lockstep acquire deploy --pid $$) || exit
      echo "token $token."
      read -r _
      lockstep release deploy --pid $$
      echo "released $?"
      read -r _`);
    const [, token] = await shell.says(/^token (\d+)\.\n/);
    const [entry] = await rig.entries('deploy');
    expect(entry).toMatchObject({ state: 'holding', ticket: Number(token), stale: false });
    expect(entry?.owners.at(-1)).toMatchObject({ pid: shell.pid, place: 'here', gone: null });
    const next = rig.visitor('deploy');
    await rig.line('deploy', 1, 1);
    shell.write('\n');
    await shell.says('released 0');
    await next.says('in');
    expect(await shell.letGo()).toMatchObject({ stderr: '' });
  });

  test('holds until the script has ended, if it never releases', async () => {
    const shell = rig.script('lockstep acquire deploy --pid $$; read -r _');
    await shell.says('\n');
    const next = rig.visitor('deploy');
    await rig.line('deploy', 1, 1);
    await shell.letGo();
    await next.says('in');
  });

  test('holds until the shell is gone, if it is killed (SIGKILL)', async () => {
    const shell = rig.script('lockstep acquire deploy --pid $$; read -r _');
    await shell.says('\n');
    const next = rig.visitor('deploy');
    await rig.line('deploy', 1, 1);
    shell.kill('SIGKILL');
    await next.says('in');
  });

  test.skipIf(process.platform !== 'linux')(
    'whose token cannot be printed fails, says so, and leaves nothing in line',
    async () => {
      const shell = rig.script('lockstep acquire deploy --pid $$ > /dev/full; echo "status $?"; read -r _');
      await shell.says('status 74\n');
      expect(await rig.entries('deploy')).toEqual([]);
      const { stderr } = await shell.letGo();
      expect(stderr).toBe(
        'lockstep: cannot write to stdout: ENOSPC: no space left on device, write; nothing is held\n',
      );
    },
  );

  test('the tokens grow', async () => {
    const { stdout } = await rig.script(
      'for i in 1 2 3; do lockstep acquire n --pid $$; lockstep release n --pid $$; done',
      { input: '' },
    ).ended;
    const tokens = stdout.trim().split('\n').map(Number);
    expect(tokens).toHaveLength(3);
    expect(tokens).toEqual([...new Set(tokens)].sort((a, b) => a - b));
  });

  test('-n and -w: 75, nothing on stdout, and nothing left in line', async () => {
    await rig.hold('n');
    const { stdout, stderr } = await rig.script(
      'lockstep acquire n --pid $$ -n; echo $?; lockstep acquire n --pid $$ -w 50ms -E 9; echo $?',
      { input: '' },
    ).ended;
    expect(stdout).toBe('75\n9\n');
    expect(stderr).toMatch(/not free now: held by pid.*\n.*not acquired within 50ms: held by pid/);
    await rig.line('n', 1, 0);
  });

  test('killed while it waits, it leaves nothing to a shell that does not know', async () => {
    const holder = await rig.hold('n');
    const waiter = rig.lockstep(['acquire', 'n', '--pid', String(process.pid)]);
    await rig.line('n', 1, 1);
    waiter.kill('SIGKILL');
    await waiter.ended;
    await holder.letGo();
    expect((await rig.run('run', 'n', '-w', '10s', '--', 'true')).status).toBe(0);
  });

  test('takes permits of a semaphore, one each time', async () => {
    const { stdout, stderr } = await rig.script(
      `for i in 1 2 3; do lockstep acquire n -p 2 --pid $$ -q -n >/dev/null; echo $?; done
       for i in 1 2 3; do lockstep release n --pid $$; echo $?; done`,
      { input: '' },
    ).ended;
    expect(stdout).toBe('0\n0\n75\n0\n0\n1\n');
    expect(stderr).toMatch(/does not hold it/);
  });
});

describe('--pid without a number is the shell that calls:', () => {
  const HOLDER = `holder() { lockstep status a | awk 'NR == 2 { print ($5 == '$$' ? "the script" : "another process") }'; }`;

  test.each([
    ['in a script it is the script', 'lockstep acquire a --pid >/dev/null; holder', 'the script\n'],
    [
      'in $(…) it is the shell that reads, not the subshell that ends',
      't=$(lockstep acquire a --pid; true); holder',
      'the script\n',
    ],
    [
      'in a subshell it is that',
      '( lockstep acquire a --pid >/dev/null; holder ); lockstep run a -- echo free',
      'another process\nfree\n',
    ],
    [
      'in $(…) in a subshell it is that',
      '( t=$(lockstep acquire a --pid; true); holder; lockstep run a -nq -- true; echo $? )',
      'another process\n75\n',
    ],
    ['release has the same', '( lockstep acquire a --pid >/dev/null; lockstep release a --pid; echo $? )', '0\n'],
  ])('%s', async (_, text, expected) => {
    const { stdout, stderr } = await rig.script(`${HOLDER}\n${text}`, { input: '' }).ended;
    expect({ stdout, stderr }).toEqual({ stdout: expected, stderr: '' });
  });
});

test('$$ in a subshell is said to be the whole script; in $(…) it is right, and nothing is said', async () => {
  const script = rig.script(
    `t=$(lockstep acquire a --pid $$; true); lockstep release a --pid
     ( lockstep acquire a --pid $$ >/dev/null; lockstep release a --pid; echo $? )
     ( lockstep acquire b --pid $$ -q >/dev/null; : )
     lockstep release b --pid $$; echo $?`,
    { input: '' },
  );
  const { stdout, stderr } = await script.ended;
  expect(stdout).toBe('1\n0\n');
  expect(stderr).toMatch(
    new RegExp(
      `^lockstep: a: \\$\\$ is ${script.pid}, the shell around this subshell \\(pid \\d+\\): it holds the lock until it ends, not the subshell. .*--pid without a number\\.\\nlockstep: a: pid \\d+ does not hold it\\n$`,
    ),
  );
});

describe('misuse', () => {
  test.each([
    ['acquire without --pid', ['acquire', 'n'], /missing --pid: lockstep acquire NAME --pid \$\$/],
    ['release without --pid', ['release', 'n'], /missing --pid: lockstep release NAME --pid \$\$/],
    ['--pid of no number', ['acquire', 'n', '--pid', 'me'], /--pid must be the number of a process/],
    ['--pid 0', ['acquire', 'n', '--pid', '0'], /--pid must be the number of a process/],
    ['--pid that no process can have', ['acquire', 'n', '--pid', '4194304999'], /--pid must be the number/],
    ['--pid of no process', ['acquire', 'n', '--pid', '2147483647'], /no such process/],
    ['acquire without a name', ['acquire', '--pid', '1'], /missing NAME \(or --file FILE\): lockstep acquire NAME/],
    ['--pid of an empty variable', ['acquire', 'n', '--pid', ''], /must be the number of a process, not ''/],
    ['--token of no number', ['release', 'n', '--token', 'x'], /--token must be a number/],
    ['break --token of no number', ['break', 'n', '--token', 'x'], /--token must be a number/],
    ['--scale of no number', ['demo', 'ktv', '--scale', 'x'], /--scale must be a number/],
  ])('%s exits 64 with words', async (_, args, words) => {
    const { status, stdout, stderr } = await rig.run(...args);
    expect({ status, stdout }).toEqual({ status: 64, stdout: '' });
    expect(stderr).toMatch(words);
    expect(rig.exists('store/resources')).toBe(false);
  });
});

describe('release', () => {
  test('of what is not held exits 1 and says so; also of a name that does not exist', async () => {
    const { stdout, stderr } = await rig.script(
      'lockstep run deploy -- true; for n in deploy depoly; do lockstep release $n --pid $$; echo $?; done',
      { input: '' },
    ).ended;
    expect(stdout).toBe('1\n1\n');
    expect(stderr).toMatch(
      /^lockstep: deploy: pid \d+ does not hold it\nlockstep: depoly: there is no such name in the store .+: did you mean deploy\?\n$/,
    );
  });

  test('does not take it from somebody else', async () => {
    await rig.hold('n');
    const { stdout } = await rig.script('lockstep release n --pid $$; echo $?', { input: '' }).ended;
    expect(stdout).toBe('1\n');
    await rig.line('n', 1, 0);
  });

  test('a second time exits 1', async () => {
    const { stdout } = await rig.script(
      'lockstep acquire n --pid $$ >/dev/null; lockstep release n --pid $$; echo $?; lockstep release n --pid $$; echo $?',
      { input: '' },
    ).ended;
    expect(stdout).toBe('0\n1\n');
  });

  test('--token gives back that one and no other', async () => {
    const shell = rig.script('lockstep acquire n --pid $$; read -r _');
    const [token = ''] = await shell.says(/^\d+/);
    const wrong = await rig.run('release', 'n', '--token', String(Number(token) + 1));
    expect(wrong).toMatchObject({
      status: 1,
      stderr: `lockstep: n: no holder has token ${Number(token) + 1}\n`,
    });
    await rig.line('n', 1, 0);
    expect(await rig.run('release', 'n', '--token', token)).toEqual({ status: 0, stdout: '', stderr: '' });
    await rig.line('n', 0, 0);
  });
});
