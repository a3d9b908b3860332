import fs from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { isAlive, type Program, Rig, until } from '../../../support/cli-rig.ts';
import { flockWaiters, untilFlockWaiters } from '../../../support/flock-line.ts';

let rig: Rig;
let file: string;
beforeEach(() => {
  rig = new Rig();
  file = rig.path('f');
});
afterEach(() => rig.end());

/** A program with the real flock, which holds until `letGo()`. */
async function other(...options: string[]): Promise<Program> {
  const holder = rig.start('flock', [...options, file, 'sh', '-c', 'echo in; read -r _; exit 0']);
  await holder.says('in');
  return holder;
}

async function isFree(...options: string[]): Promise<boolean> {
  return (await rig.start('flock', ['-n', ...options, file, 'true']).ended).status === 0;
}

/** Its command waits at the gate, and so outlives a wrapper that is killed. */
async function atGate(command: string, ...options: string[]): Promise<{ wrapper: Program; pid: number }> {
  const wrapper = rig.lockstep(['run', 'n', '--flock', file, ...options, '--', 'sh', '-c', command]);
  const [, pid] = await wrapper.says(/in (\d+)/);
  return { wrapper, pid: rig.stray(Number(pid)) };
}

describe('run --flock', () => {
  test('keeps programs with flock out while its command runs, and is kept out by them', async () => {
    const holder = await rig.hold('n', '--flock', file);
    expect(await isFree()).toBe(false);
    expect(await holder.letGo()).toMatchObject({ status: 0, stderr: '' });
    expect(await isFree()).toBe(true);
    const before = await other();
    const visitor = rig.visitor('n', '--flock', file);
    await untilFlockWaiters(file, 1);
    expect(visitor.stdout).toBe('');
    await before.letGo();
    await visitor.says('in');
    await visitor.letGo();
  });

  test('-n, -w and -E are for both locks, and the words name the file', async () => {
    const holder = await other();
    const run = (...options: string[]) => rig.run('run', 'n', '--flock', file, ...options, '--', 'touch', 'ran');
    const why = `another program has the flock of ${file}\n`;
    expect(await run('-n')).toEqual({ status: 75, stdout: '', stderr: `lockstep: n: not free now: ${why}` });
    const late = await run('-w', '0.05', '-E', '9');
    expect(late).toEqual({ status: 9, stdout: '', stderr: `lockstep: n: not acquired within 50ms: ${why}` });
    expect(await run('-n', '-q')).toEqual({ status: 75, stdout: '', stderr: '' });
    expect([rig.exists('ran'), await rig.entries('n')]).toEqual([false, []]);
    await holder.letGo();
    const own = await rig.hold('n', '--flock', file);
    const [{ stderr }] = await Promise.all([run('-n')]);
    expect(stderr).toMatch(/^lockstep: n: not free now: held by pid \d+/);
    await own.letGo();
  });

  test('with -v a wait says for whom, once it is its turn in line', async () => {
    const holder = await other();
    const visitor = rig.visitor('n', '--flock', file, '-v');
    await visitor.says(`lockstep: n: waiting; another program has the flock of ${file}`, 'stderr');
    await holder.letGo();
    await visitor.says('in');
    await visitor.letGo();
  });

  test('-s shares the lock with flock -s, and keeps flock -x out', async () => {
    const reader = await other('-s');
    const holder = await rig.hold('n', '--flock', file, '-s');
    expect([await isFree('-s'), await isFree('-x')]).toEqual([true, false]);
    await reader.letGo();
    expect(await isFree('-x')).toBe(false);
    await holder.letGo();
  });

  test('a wrapper that is killed leaves both locks to its command, until that ends', async () => {
    const gate = rig.gate('gate');
    const { wrapper } = await atGate('echo in $$; read -r _ < gate');
    wrapper.kill('SIGKILL');
    await wrapper.exited();
    expect(await isFree()).toBe(false);
    expect((await rig.run('run', 'n', '-n', '-q', '--', 'true')).status).toBe(75);
    const next = rig.visitor('n', '--flock', file);
    await rig.line('n', 1, 1);
    gate.open();
    await next.says('in');
    expect(await isFree()).toBe(false);
    await next.letGo();
  });

  test('what its command leaves behind keeps neither lock; with --hold-descendants it keeps both', async () => {
    const leave = 'sh -c "read -r _ < gate" > /dev/null 2>&1 & echo in $!; exit 0';
    const gate = rig.gate('gate');
    const { wrapper, pid } = await atGate(leave);
    await wrapper.exited();
    expect(await isFree()).toBe(true);
    gate.open();
    await until('what was left has ended', () => !isAlive(pid));
    const held = await atGate(leave, '--hold-descendants');
    expect(await isFree()).toBe(false);
    expect(held.wrapper.running).toBe(true);
    gate.open();
    await held.wrapper.ended;
    expect(await isFree()).toBe(true);
  });

  test('a signal to the wrapper ends the command before either lock is free', async () => {
    const holder = rig.lockstep([
      ...['run', 'n', '--flock', file, '--', 'sh', '-c'],
      `trap 'flock -n ${file} echo free || echo locked; exit 3' TERM; echo in; while :; do sleep 0.02; done`,
    ]);
    await holder.says('in');
    holder.kill('SIGTERM');
    expect(await holder.ended).toMatchObject({ status: 3, stdout: 'in\nlocked\n' });
    expect(await isFree()).toBe(true);
  });

  test('a wrapper that is killed while it waits leaves no waiting program behind', async () => {
    const holder = await other();
    const visitor = rig.visitor('n', '--flock', file);
    await untilFlockWaiters(file, 1);
    visitor.kill('SIGKILL');
    await visitor.exited();
    await untilFlockWaiters(file, 0);
    await holder.letGo();
    expect(await isFree()).toBe(true);
  });

  test('scripts with flock and callers of ours that wait are served, and ours in the order in which they came', async () => {
    const holder = await other();
    const ours: Program[] = [];
    for (const at of [0, 1, 2]) {
      ours.push(rig.lockstep(['run', 'n', '--flock', file, '--', 'sh', '-c', `echo ${at} >> order`]));
      await rig.line('n', 1, at);
    }
    const script = rig.start('flock', [file, 'sh', '-c', 'echo script >> order']);
    await untilFlockWaiters(file, 2);
    await holder.letGo();
    for (const { ended } of [...ours, script]) expect((await ended).status).toBe(0);
    const order = rig.read('order').trim().split('\n');
    expect(order.filter((one) => one !== 'script')).toEqual(['0', '1', '2']);
    expect(order).toHaveLength(4);
  });

  test('the command gets the descriptor of the file beside those of the lifeline; the file itself is not changed', async () => {
    fs.writeFileSync(file, 'kept');
    const { stdout } = await rig.run('run', 'n', '--flock', file, '--', 'sh', '-c', 'readlink /proc/$$/fd/64');
    expect([stdout, rig.read('f')]).toEqual([`${file}\n`, 'kept']);
  });

  test('of a file that cannot be opened, it runs nothing, exits 74, and leaves nothing in line', async () => {
    const { status, stderr } = await rig.run('run', 'n', '--flock', 'nowhere/f', '--', 'touch', 'ran');
    expect({ status, ran: rig.exists('ran'), line: await rig.entries('n') }).toEqual({
      status: 74,
      ran: false,
      line: [],
    });
    expect(stderr).toMatch(/the flock of .*nowhere\/f, which other programs use, cannot be used: ENOENT/);
  });

  test.each<[string, string[], RegExp]>([
    ['-p', ['-p', '2'], /--flock needs a lock: the holders of a semaphore/],
    ['--no-fork', ['-F'], /--no-fork and --flock exclude each other|--no-fork cannot be done here/],
    ['no file', ['--flock', ''], /--flock takes the path of a file/],
  ])('with %s it is refused in words, before anything is locked', async (_, options, words) => {
    const { status, stderr } = await rig.run('run', 'n', '--flock', file, ...options, '--', 'touch', 'ran');
    expect({ status, ran: rig.exists('ran'), file: rig.exists('f') }).toEqual({ status: 64, ran: false, file: false });
    expect(stderr).toMatch(words);
  });

  test('acquire --pid has no such option: there a script locks its own descriptor, after Lockstep’s lock', async () => {
    const refused = await rig.run('acquire', 'n', '--pid', '1', '--flock', file);
    expect(refused).toMatchObject({ status: 64, stderr: expect.stringContaining('unknown option --flock') });
    const script = rig.script(`lockstep acquire n --pid $$ > /dev/null && exec 9> f && flock 9 && echo in; read -r _`);
    await script.says('in');
    expect(await isFree()).toBe(false);
    expect((await rig.run('run', 'n', '--flock', file, '-n', '-q', '--', 'true')).status).toBe(75);
    await script.letGo();
    expect((await rig.run('run', 'n', '--flock', file, '-n', '--', 'true')).status).toBe(0);
  });
});

describe('job --flock', () => {
  test('skips while a program with flock runs, and says for whom with -v', async () => {
    const holder = await other();
    const quiet = await rig.run('job', 'n', '--flock', file, '--', 'touch', 'ran');
    expect(quiet).toEqual({ status: 0, stdout: '', stderr: '' });
    const { stderr } = await rig.run('job', 'n', '--flock', file, '-v', '-E', '9', '--', 'touch', 'ran');
    expect(stderr).toBe(`lockstep: n: skipped: another program has the flock of ${file}\n`);
    expect(rig.exists('ran')).toBe(false);
    await holder.letGo();
    expect((await rig.run('job', 'n', '--flock', file, '--', 'touch', 'ran')).status).toBe(0);
    expect(rig.exists('ran')).toBe(true);
  });

  test('waits with --overlap wait, gives up in words, and keeps programs with flock out while it runs', async () => {
    const holder = await other();
    const job = (...words: string[]) => ['job', 'n', '--flock', file, '--overlap', 'wait', ...words];
    const late = await rig.run(...job('-w', '0.05', '--', 'touch', 'ran'));
    expect(late.status).toBe(75);
    expect(late.stderr).toContain(`gave up: not acquired within 50ms: another program has the flock of ${file}`);
    const waiter = rig.lockstep(job('-v', '--', 'sh', '-c', `flock -n ${file} echo free || echo locked`));
    await untilFlockWaiters(file, 1);
    await holder.letGo();
    expect(await waiter.ended).toMatchObject({ status: 0, stdout: expect.stringContaining('locked') });
    expect(flockWaiters(file)).toBe(0);
  });

  test('with -p it is refused in words', async () => {
    const { status, stderr } = await rig.run('job', 'n', '--flock', file, '-p', '2', '--', 'touch', 'ran');
    expect({ status, ran: rig.exists('ran') }).toEqual({ status: 64, ran: false });
    expect(stderr).toContain('--flock needs a lock');
  });
});
