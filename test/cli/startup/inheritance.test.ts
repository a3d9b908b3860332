import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { MAIN, type Program, Rig, until } from '../../support/cli-rig.ts';
import { CONTAINER, mayContain } from '../../support/container.ts';

/** The program is called as an installed one is, by its name: a shell begins it. */
const PRELUDE = `
lockstep() { "$MAIN" "$@"; }
signals() { grep SigIgn /proc/self/status; }
`;
const hasMake = spawnSync('make', ['--version']).status === 0;
const NODE_DIRECTORY = path.dirname(process.execPath);

let rig: Rig;
beforeEach(() => {
  rig = new Rig();
});
afterEach(() => rig.end());

function script(text: string, env: Record<string, string | undefined> = {}): Program {
  const PATH = `${NODE_DIRECTORY}:${process.env.PATH}`;
  return rig.script(PRELUDE + text, { input: '', env: { PATH, ...env } });
}

async function outputOf(text: string, env?: Record<string, string | undefined>): Promise<string> {
  const { stdout, stderr } = await script(text, env).ended;
  expect(stderr).toBe('');
  return stdout;
}

describe.each([
  ['run', 'lockstep run n --'],
  ['job', 'lockstep job n --log out --'],
  ['beat', 'lockstep beat n --'],
  ['with', 'lockstep with --'],
])('%s', (verb, call) => {
  const through = verb === 'job' ? '; cat out' : '';

  test('has its command ignore the signals that it was started to ignore, and no others', async () => {
    const show = 'grep SigIgn /proc/self/status';
    const text = `trap '' HUP INT TERM PIPE CHLD; ${show}; ${call} ${show}${through}; trap - HUP INT TERM PIPE CHLD; ${show}; ${call} ${show}${through}`;
    const lines = (await outputOf(text)).trim().split('\n');
    if (verb === 'job') expect([lines[1], lines.at(-1)]).toEqual([lines[0], lines[2]]);
    else expect([lines[1], lines[3]]).toEqual([lines[0], lines[2]]);
    expect(lines[0]).not.toBe(lines[2]);
  });

  test('has its command meet a limit on the size of files as it would without', async () => {
    const show = `sh -c 'exec 2> /dev/null; head -c 100000 /dev/zero > big; echo $?; ulimit -f'`;
    const { stdout } = await script(`ulimit -f 16; ${show}; ${call} ${show}${through}`).ended;
    const lines = stdout.trim().split('\n');
    expect(lines.slice(2)).toEqual(lines.slice(0, 2));
    expect(lines[0]).toBe('153');
  });

  test('hands on descriptors, and its own are not among them', async () => {
    const show = `sh -c 'cat <&5; cat <&9; for f in /proc/$$/fd/*; do readlink $f; done | grep -c anon_inode; true'`;
    rig.write('five', 'fifth\n');
    rig.write('nine', 'ninth\n');
    expect(await outputOf(`exec 5< five 9< nine; ${call} ${show}${through}; true`)).toBe('fifth\nninth\n0\n');
  });
});

/** Shells that ignore SIGQUIT themselves: /bin/sh is the one on Red Hat's systems, the other on Alpine. */
describe.each([
  ['bash', 'bash'],
  ['busybox', 'busybox sh'],
])('where /bin/sh is the shell %s', (program, shell) => {
  const isHere = spawnSync(program, [program === 'bash' ? '--version' : 'true']).status === 0;

  test.skipIf(!isHere)('the command ignores SIGQUIT if it was started to ignore it, and only then', async () => {
    const show = 'grep SigIgn /proc/self/status';
    const pair = `${show}; ${shell} "$MAIN" run n -- ${show}`;
    const lines = (await outputOf(`trap '' HUP; ${pair}; trap '' QUIT; ${pair}`)).trim().split('\n');
    expect([lines[1], lines[3]]).toEqual([lines[0], lines[2]]);
    expect(lines[0]).not.toBe(lines[2]);
  });
});

test('a filter of `edit` has the descriptors and ignores the signals that it would without', async () => {
  rig.write('a.json', '{}');
  rig.write('five', 'fifth');
  const show = `sh -c 'echo [\\"$(cat <&5) $(grep SigIgn /proc/self/status)\\"] | tr "\\t" " "'`;
  const text = `exec 5< five; trap '' HUP; lockstep edit a.json -- ${show}; cat a.json`;
  expect(await outputOf(text)).toBe(`["fifth SigIgn: ${'1'.padStart(16, '0')}"]\n`);
});

test('the daemons of `with` ignore the signals that it was started to ignore, and have none of its descriptors', async () => {
  rig.write('five', 'fifth');
  const daemon = 'grep SigIgn /proc/self/status; ls -l /proc/self/fd | grep -c five; echo > went; exec sleep 60';
  const main = `sh -c 'until [ -e went ]; do sleep 0.01; done; cat <&5'`;
  const lines = await outputOf(`exec 5< five; trap '' HUP; lockstep with --daemon '${daemon}' -- ${main}`);
  expect(lines).toBe(`SigIgn:\t${'1'.padStart(16, '0')}\n0\nfifth`);
});

describe('an ignored signal has no effect on the wrapper, as it has none on the bare command', () => {
  test.each(['HUP', 'INT', 'TERM', 'USR1'])('%s', async (signal) => {
    const program = script(
      `trap '' ${signal}; lockstep run n -- sh -c 'echo $PPID; read -r _ < gate; echo done'; echo $?`,
    );
    const gate = rig.gate('gate');
    const [, wrapper] = await program.says(/(\d+)\n/);
    process.kill(Number(wrapper), `SIG${signal}`);
    gate.open();
    expect((await program.ended).stdout).toBe(`${wrapper}\ndone\n0\n`);
  });

  test('while it waits in line', async () => {
    const holder = await rig.hold('n');
    const program = script(`trap '' TERM; exec "$MAIN" run n -- echo in`);
    await rig.line('n', 1, 1);
    process.kill(program.pid, 'SIGTERM');
    process.kill(program.pid, 0);
    await holder.letGo();
    expect(await program.ended).toMatchObject({ status: 0, stdout: 'in\n' });
  });
});

test.each<[string, Record<string, string>]>([
  ['no PWD', {}],
  ['a wrong PWD', { PWD: '/not/here', OLDPWD: '/nor/here' }],
  ['a PWD by another name', { PWD: '/proc/self/cwd' }],
  ['what a shell counts and keeps', { SHLVL: '7', _: '/of/bash', IFS: 'x', PS4: 'y', PPID: '5', OPTIND: '3' }],
  [
    'more of it than fits into one variable',
    { ...Object.fromEntries(Array.from({ length: 9 }, (_, at) => [`LONG_${at}`, `${at}`.repeat(12_345)])), 'a.b': '1' },
  ],
  [
    'names that no shell passes on',
    { 'a.b': '1', '0': '2', 'BASH_FUNC_f%%': '() { :\n}', PERL_BADLANG: '', LC_ALL: 'xx_YY' },
  ],
])('the environment of the command is that of the wrapper, and what it says of the lock: with %s', (_, more) => {
  const env = { PATH: `${NODE_DIRECTORY}:${process.env.PATH}`, LOCKSTEP_DIR: rig.storePath, ...more };
  const sorted = (file: string, words: readonly string[]) => {
    const { stdout, stderr } = spawnSync(file, [...words, 'env', '-0'], { env, cwd: rig.directory, encoding: 'utf8' });
    expect(stderr).toBe('');
    return stdout.split('\0').sort();
  };
  const ofLock = /^LOCKSTEP_(NAME|TOKEN|HELD|OF_\w+)=/;
  const ours = sorted(MAIN, ['run', 'n', '--']);
  expect(ours.filter((variable) => ofLock.test(variable))).toHaveLength(4);
  expect(ours.filter((variable) => !ofLock.test(variable))).toEqual(sorted('env', []));
});

test('a variable that is lost to the shell, and not UTF-8, is refused before anything is locked', async () => {
  const { status, stderr } = await script(`env "a.b=$(printf '\\351')" "$MAIN" run n -- touch ran`).ended;
  expect({ status, ran: rig.exists('ran') }).toEqual({ status: 64, ran: false });
  expect(stderr).toContain('the environment variable a.b is not UTF-8');
  expect(await rig.entries('n')).toEqual([]);
});

test('sockets that a service was activated with are said to be its own', async () => {
  const text = `LISTEN_FDS=1; export LISTEN_FDS; exec sh -c 'LISTEN_PID=$$; export LISTEN_PID; exec "$MAIN" run n -- sh -c "echo \\$\\$ \\$LISTEN_PID \\$LISTEN_FDS"'`;
  const [pid, listens, count] = (await outputOf(text)).trim().split(' ');
  expect([listens, count]).toEqual([pid, '1']);
  expect(await outputOf("LISTEN_PID=1 lockstep run n -- sh -c 'echo $LISTEN_PID'")).toBe('1\n');
});

test.runIf(hasMake)('make under it takes part in the job slots of the make above it', async () => {
  rig.write('Makefile', `all:\n\t+"${MAIN}" run n -- $(MAKE) -f sub.mk\n`);
  // Each of the two waits for the other one.
  rig.write('sub.mk', 'all: a b\na:\n\t@echo x > one; read -r _ < two\nb:\n\t@read -r _ < one; echo x > two\n');
  expect(await outputOf('mkfifo one two; make -sj2 2>&1 | grep -i warning; echo ended')).toBe('ended\n');
});

test('started as a module of Node, it still hands on what is no pipe of its own', async () => {
  rig.write('five', 'fifth\n');
  const text = `exec 5< five; echo sixth | { exec 6<&0; "$NODE" "$MAIN" run n -- sh -c 'cat <&5; cat <&6'; }`;
  expect(await outputOf(text)).toBe('fifth\nsixth\n');
});

describe.runIf(mayContain)('as the first process of a container', () => {
  /** The container's main program is `lockstep run`. */
  function contained(command: string, prefix = ''): Program {
    return script(`${prefix}exec ${CONTAINER.join(' ')} "$MAIN" run n -- sh -c '${command}'`);
  }

  test('it reaps orphans, and exits with the status of its command', async () => {
    const orphan = '(sleep 0 & exec sleep 0.05) & wait; (sleep 0.1 &); ';
    const look = 'until [ "$(grep -ls "^PPid:.1$" /proc/[0-9]*/status | wc -l)" = 1 ]; do sleep 0.01; done; exit 7';
    const { status, stderr } = await contained(orphan + look).ended;
    expect({ status, stderr }).toEqual({ status: 7, stderr: '' });
  });

  test('it passes signals on, and ends with its command', async () => {
    const program = contained('trap "echo got TERM; exit 9" TERM; echo ready; while :; do sleep 0.01; done');
    await program.says('ready');
    await until('the container has its first process', () => childrenOf(program.pid).length === 1);
    process.kill(childrenOf(program.pid)[0] as number, 'SIGTERM');
    expect(await program.ended).toMatchObject({ status: 9, stdout: 'ready\ngot TERM\n' });
  });

  test('it reads its input, and its command ignores what it was started to ignore', async () => {
    const text = `trap '' INT; echo words | ${CONTAINER.join(' ')} "$MAIN" run n -- sh -c 'cat; grep SigIgn /proc/self/status'`;
    expect(await outputOf(text)).toMatch(/^words\nSigIgn:\t0+2\n$/);
  });
});

function childrenOf(pid: number): number[] {
  const { stdout } = spawnSync('ps', ['-o', 'pid=', '--ppid', String(pid)], { encoding: 'utf8' });
  return stdout.split('\n').filter(Boolean).map(Number);
}
