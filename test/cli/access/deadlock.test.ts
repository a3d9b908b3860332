import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { FIXTURES, type Program, type Result, Rig, type StartOptions, until } from '../../support/cli-rig.ts';

let rig: Rig;
beforeEach(() => {
  rig = new Rig();
  // A command, not a function of one script: for shells inside of shells.
  rig.write('lockstep', '#!/bin/sh\nexec "$NODE" "$MAIN" "$@"\n', 0o755);
});
afterEach(() => rig.end());

/** Starts `lockstep …`, in which `lockstep` is a command too. */
function lockstep(args: readonly string[], { env = {}, ...options }: StartOptions = {}): Program {
  return rig.lockstep(args, { ...options, env: { PATH: `${rig.directory}:${process.env.PATH}`, ...env } });
}

/** The same, from beginning to end. */
function run(...args: string[]): Promise<Result> {
  return lockstep(args, { input: '' }).ended;
}

/** Waits until who waits for a name has written down that it keeps something meanwhile. */
async function keeping(name: string): Promise<void> {
  await until(`a waiter for ${name} says what it keeps`, async () =>
    (await rig.entries(name)).some(({ state, keeps }) => state === 'waiting' && keeps.held.length > 0),
  );
}

const NESTED = String.raw`its holder waits for this process to end\. Held by pid (\d+) on \S+ \((.*)\), in line since [\d-]+[T ][\d:.]+Z?\. Release it first, or do not acquire it again inside\.`;

describe('a command that waits for what is held around it fails at once, and exits 75', () => {
  const inner = 'lockstep run A -- touch ran';
  test.each([
    ['directly', ['run', 'A', '--', ...inner.split(' ')]],
    ['through sh', ['run', 'A', '--', 'sh', '-c', `${inner}; exit $?`]],
    ['through -c', ['run', 'A', '-c', `${inner}; exit $?`]],
    ['through with', ['run', 'A', '--', 'lockstep', 'with', '-d', 'sleep 1000', '--', ...inner.split(' ')]],
    ['through beat', ['run', 'A', '--', 'lockstep', 'beat', 'b', '--', ...inner.split(' ')]],
    ['with another lock in between', ['run', 'A', '--', 'lockstep', 'run', 'B', '--', ...inner.split(' ')]],
    ['with an end to its patience', ['run', 'A', '-c', 'lockstep run A -w 1h -- touch ran; exit $?']],
    ['to share it', ['run', 'A', '-c', 'lockstep run A -s -- touch ran; exit $?']],
    ['for itself', ['run', 'A', '-c', 'lockstep acquire A --pid $$; exit $?']],
    ['exclusively, where it is shared', ['run', 'A', '-s', '-c', 'lockstep run A -x -- touch ran; exit $?']],
    [
      'for the third of two permits',
      [
        'run',
        'A',
        '-p',
        '2',
        '--',
        'lockstep',
        'run',
        'A',
        '-p',
        '2',
        '-c',
        'lockstep run A -p 2 -- touch ran; exit $?',
      ],
    ],
    ['for too many permits', ['run', 'A', '-p', '4', '--take', '3', '-c', 'lockstep run A -p 4 --take 2 -- touch ran']],
  ])('%s', async (_, args) => {
    const { status, stdout, stderr } = await run(...args);
    expect({ status, stdout }).toEqual({ status: 75, stdout: '' });
    expect(stderr).toMatch(new RegExp(`^lockstep: A: a deadlock: ${NESTED}\n$`));
    expect(rig.exists('ran')).toBe(false);
    expect(await rig.entries('A')).toEqual([]);
    expect(await rig.entries('B')).toEqual([]);
  });

  test('and names the pid and the command that hold it', async () => {
    const command = 'echo $$; lockstep run A -- true; echo "status $?"';
    const { status, stdout, stderr } = await run('run', 'A', '--', 'sh', '-c', command);
    const [pid, told] = stdout.split('\n');
    expect({ status, told }).toEqual({ status: 0, told: 'status 75' });
    const [, holder, label] = stderr.match(NESTED) ?? [];
    expect({ holder, label }).toEqual({ holder: pid, label: `sh -c ${command}` });
  });

  test('-E says another code, and -q says nothing', async () => {
    const loud = await run('run', 'A', '--', 'lockstep', 'run', 'A', '-E', '9', '--', 'touch', 'ran');
    expect(loud).toMatchObject({ status: 9, stderr: expect.stringContaining('a deadlock') });
    const quiet = await run('run', 'A', '--', 'lockstep', 'run', 'A', '-q', '--', 'touch', 'ran');
    expect(quiet).toEqual({ status: 75, stdout: '', stderr: '' });
    expect(rig.exists('ran')).toBe(false);
  });

  test('edit inside of edit, and inside of run --file, too', async () => {
    rig.write('a.json', '{"count":5}\n');
    const nested = await run('edit', 'a.json', '--', 'lockstep', 'edit', 'a.json', '--', 'cat');
    expect(nested.status).toBe(75);
    expect(nested.stderr).toMatch(new RegExp(`^lockstep: a\\.json: a deadlock: ${NESTED}\n`));
    const around = await run(
      'run',
      '--file',
      'a.json',
      '--',
      'lockstep',
      'edit',
      'a.json',
      '-q',
      '-E',
      '9',
      '--',
      'cat',
    );
    expect(around).toEqual({ status: 9, stdout: '', stderr: '' });
    expect(rig.read('a.json')).toBe('{"count":5}\n');
  });

  test.each(['acquire', 'acquireSync'])('a Node program, in %s of the library, too', async (method) => {
    const library = path.join(FIXTURES, '../../lib/index.js');
    const program = rig.write(
      'waits.mjs',
      `import { Lock } from ${JSON.stringify(library)};
       try { await new Lock('A').${method}(); } catch ({ code, message }) { console.log(code + ' ' + message); }`,
    );
    const { status, stdout } = await run('run', 'A', '--', process.execPath, program);
    expect(status).toBe(0);
    expect(stdout).toMatch(new RegExp(`^DEADLOCK A: a deadlock: ${NESTED}\n$`));
  });
});

describe('a command inside of another goes on', () => {
  test.each([
    ['with another name', ['run', 'B', '--', 'echo', 'in'], []],
    ['with the second of two permits', ['run', 'A', '-p', '2', '--', 'echo', 'in'], ['-p', '2']],
    ['sharing what is shared', ['run', 'A', '-s', '--', 'echo', 'in'], ['-s']],
    ['with -n, which tells it by itself', ['run', 'B', '-n', '--', 'echo', 'in'], []],
  ])('%s', async (_, inner, options) => {
    const result = await run('run', 'A', ...options, '--', 'lockstep', ...inner);
    expect(result).toEqual({ status: 0, stdout: 'in\n', stderr: '' });
  });

  test('when what was held around it is given back by force', async () => {
    const outer = lockstep(['run', 'A', '--', 'lockstep', 'run', 'A', '--no-deadlock-check', '--', 'echo', 'in']);
    await rig.line('A', 1, 1);
    await rig.run('break', 'A');
    await outer.says('in');
    // The inner one got the lock; the outer one lost it.
    expect((await outer.ended).status).toBe(75);
  });

  test('when it outlives what was held around it, though it still has the variable that says so', async () => {
    const gate = rig.gate('gate');
    await run('run', 'A', '-c', '(read -r _ < gate; lockstep run A -- touch ran) > /dev/null 2>&1 &');
    const holder = await rig.hold('A');
    gate.open();
    await rig.line('A', 1, 1);
    await holder.letGo();
    await until('it was in', () => rig.exists('ran'));
  });
});

/**
 * A script that holds `first` and, at the next line of its input, waits for `second` inside. It says the pid of that
 * wait. Its status is that of the `run` inside.
 */
async function nesting(first: string, second: string, ...options: string[]): Promise<Program> {
  const inner = `echo "waiter $$"; exec lockstep run ${second} ${options.join(' ')} -- echo got`;
  const program = lockstep(['run', first, '-c', `echo in; read -r _; sh -c '${inner}'; exit $?`]);
  await program.says('in');
  return program;
}

/** The same with a permit of two, where both are of one semaphore. */
async function doubling(): Promise<Program> {
  const program = lockstep([
    'run',
    'P',
    '-p',
    '2',
    '-c',
    'echo in; read -r _; lockstep run P -p 2 -- echo got; exit $?',
  ]);
  await program.says('in');
  return program;
}

/** A script that acquires one after the other for itself. */
async function acquiring(first: string, second: string): Promise<Program> {
  const acquire = (name: string) => `lockstep acquire ${name} --pid $$ > /dev/null || exit`;
  const program = rig.script(`${acquire(first)}; echo in; read -r _; ${acquire(second)}; echo got`);
  await program.says('in');
  return program;
}

/** Lets all of them wait for what they lack. The one that was told, and the others, which must have got it. */
async function oneTold(programs: readonly Program[]): Promise<{ told: Result; others: Result[] }> {
  for (const program of programs) program.write('\n');
  const results = await Promise.all(programs.map(({ ended }) => ended));
  const told = results.filter(({ status }) => status === 75);
  const others = results.filter(({ status }) => status !== 75);
  expect(told).toHaveLength(1);
  for (const other of others)
    expect(other).toMatchObject({ status: 0, stderr: '', stdout: expect.stringMatching(/got\n$/) });
  expect(told[0]?.stdout).not.toContain('got');
  return { told: told[0] as Result, others };
}

function waiterOf({ stdout }: Result): string {
  return stdout.match(/waiter (\d+)/)?.[1] ?? 'none';
}

const REMEDY = String.raw`The first of these waits was given up\. Acquire what is needed together in one order everywhere\.`;

describe('of scripts that wait for each other exactly one fails, and the others finish', () => {
  test('two that nest in opposite order: both pids, and what each holds and waits for', async () => {
    const { told, others } = await oneTold([await nesting('A', 'B'), await nesting('B', 'A')]);
    const link = (pid: string, holds: string, waits: string) =>
      `pid ${pid} on \\S+ \\(echo got\\) holds ${holds} and waits for ${waits}`;
    const [waits = '', holds = ''] = told.stderr.startsWith('lockstep: A') ? 'AB' : 'BA';
    const first = link(waiterOf(told), holds, waits);
    const second = link(waiterOf(others[0] as Result), waits, holds);
    expect(told.stderr).toMatch(new RegExp(`^lockstep: ${waits}: a deadlock: ${first}; ${second}\\. ${REMEDY}\n$`));
  });

  test('three in a circle', async () => {
    const { told, others } = await oneTold([await nesting('A', 'B'), await nesting('B', 'C'), await nesting('C', 'A')]);
    for (const result of [told, ...others]) expect(told.stderr).toContain(`pid ${waiterOf(result)} on `);
    for (const link of ['holds A and waits for B', 'holds B and waits for C', 'holds C and waits for A'])
      expect(told.stderr).toContain(link);
    expect(told.stderr).toMatch(new RegExp(`^lockstep: [ABC]: a deadlock: .*; .*; .*\\. ${REMEDY}\n$`));
  });

  test('two that acquire with --pid $$ in opposite order', async () => {
    const { told } = await oneTold([await acquiring('A', 'B'), await acquiring('B', 'A')]);
    expect(told.stderr).toMatch(new RegExp(`^lockstep: [AB]: a deadlock: .*\\. ${REMEDY}\n$`));
    for (const link of ['holds A and waits for B', 'holds B and waits for A']) expect(told.stderr).toContain(link);
  });

  test('two that have one of two permits each, and want one more', async () => {
    const { told } = await oneTold([await doubling(), await doubling()]);
    expect(told.stderr).toMatch(new RegExp(`^lockstep: P: a deadlock: .* holds P and waits for P; .*\\. ${REMEDY}\n$`));
  });

  test.each([
    ['nest', nesting],
    ['acquire', acquiring],
  ])('two that %s, and the first has waited for long', async (_, start) => {
    const [first, second] = [await start('A', 'B'), await start('B', 'A')];
    first.write('\n');
    await rig.line('B', 1, 1);
    await keeping('B');
    // Two of our processes, one after the other: time enough for the first to look again, more than once.
    await rig.run('status');
    await rig.run('status');
    await keeping('B');
    second.write('\n');
    expect(await second.ended).toMatchObject({ status: 75, stderr: expect.stringContaining('A: a deadlock') });
    expect(await first.ended).toMatchObject({ status: 0, stderr: '', stdout: expect.stringMatching(/got\n$/) });
  });

  test('the one that checks, if the other does not', async () => {
    const [first, second] = [await nesting('A', 'B'), await nesting('B', 'A', '--no-deadlock-check')];
    first.write('\n');
    await keeping('B');
    second.write('\n');
    expect(await first.ended).toMatchObject({ status: 75, stderr: expect.stringContaining('B: a deadlock') });
    expect(await second.ended).toMatchObject({ status: 0, stderr: '' });
  });
});

describe('--no-deadlock-check', () => {
  test('waits on, inside of what it waits for', async () => {
    const program = lockstep(['run', 'A', '--', 'lockstep', 'run', 'A', '--no-deadlock-check', '--', 'touch', 'ran']);
    await rig.line('A', 1, 1);
    await keeping('A');
    // Whoever looks, it is told to nobody, and it stays in line.
    expect((await rig.run('status')).stdout).toMatch(/waiting deadlock/);
    await rig.line('A', 1, 1);
    expect(program.running).toBe(true);
    program.destroy();
    await program.ended;
    expect(program.stderr).toBe('');
    expect(rig.exists('ran')).toBe(false);
  });

  test('waits on in a cycle, which is not reported to a waiter that only stands behind it', async () => {
    const first = await nesting('A', 'B', '--no-deadlock-check');
    const second = await nesting('B', 'A', '--no-deadlock-check');
    first.write('\n');
    second.write('\n');
    await rig.line('A', 1, 1);
    await rig.line('B', 1, 1);
    await keeping('A');
    await keeping('B');
    // It holds something, as those in the circle do, but nobody waits for that.
    const behind = await run('run', 'C', '-c', 'lockstep run A -w 2s -- touch ran; exit $?');
    expect(behind.status).toBe(75);
    expect(behind.stderr).toMatch(/^lockstep: A: not acquired within 2s: held by pid \d+ \(.*\) on \S+ for \S+\n$/);
    first.destroy();
    await second.says('got');
    expect(await second.ended).toMatchObject({ status: 0, stderr: '' });
  });
});

describe('no deadlock is reported', () => {
  const SILENCE = { status: 0, stderr: '' };

  test('to scripts that merely contend, one after the other in any order, or nested in the same', async () => {
    const tail = '|| { echo "failed $?"; exit 1; }';
    const rounds = (body: string) => `for i in 1 2 3; do ${body}; done`;
    const scripts = [
      rounds(`lockstep run A -- true ${tail}; lockstep run B -- true ${tail}`),
      rounds(`lockstep run B -- true ${tail}; lockstep run A -- true ${tail}`),
      rounds(`lockstep run A -- lockstep run B -- true ${tail}`),
      rounds(`lockstep run A -- sh -c "lockstep run B -- true" ${tail}`),
    ];
    const programs = scripts.map((text) => lockstep(['with', '--', 'sh', '-c', text], { input: '' }));
    const results = await Promise.all(programs.map(({ ended }) => ended));
    for (const result of results) expect(result).toEqual({ ...SILENCE, stdout: '' });
  });

  test('for a LOCKSTEP_HELD that is garbage, huge, of another store, or of what was held once', async () => {
    await rig.run('run', 'A', '--', 'true');
    const past = Number((await rig.run('run', 'A', '-c', 'echo "$LOCKSTEP_TOKEN"')).stdout);
    const holder = await rig.hold('A');
    const [{ ticket } = { ticket: 0 }] = await rig.entries('A');
    const store = rig.storePath;
    const values = [
      'garbage',
      '{"a":1}',
      'null',
      '"x"',
      JSON.stringify([[store, 'A', String(ticket)], [store, 'A'], [store, 7, ticket], null]),
      JSON.stringify([[`${store}-other`, 'A', ticket]]),
      JSON.stringify([[store, 'B', ticket]]),
      JSON.stringify([[store, 'A', past]]),
      '['.repeat(100_000),
      // Linux takes no longer variable than 128 KiB.
      JSON.stringify(Array.from({ length: 120_000 / (store.length + 24) }, (_, at) => [store, `name ${at}`, at])),
    ];
    const waiters = values.map((held) =>
      lockstep(['run', 'A', '--', 'true'], { env: { LOCKSTEP_HELD: held }, input: '' }),
    );
    await rig.line('A', 1, values.length);
    await holder.letGo();
    for (const waiter of waiters) expect(await waiter.ended).toEqual({ ...SILENCE, stdout: '' });
  });

  test('is not so of garbage in LOCKSTEP_HELD around what is held: that is reported', async () => {
    const command = 'LOCKSTEP_HELD=garbage lockstep run A -- lockstep run A -- touch ran';
    const { status, stderr } = await run('run', 'B', '-c', command);
    expect(status).toBe(75);
    expect(stderr).toMatch(new RegExp(`^lockstep: A: a deadlock: ${NESTED}\n$`));
  });
});
