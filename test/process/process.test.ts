import fs from 'node:fs';
import path from 'node:path';
import {
  Barrier,
  Condition,
  Counter,
  Event,
  Lock,
  type MisuseError,
  openStore,
  Process,
  RLock,
  Semaphore,
} from 'lockstep';
import { afterEach, beforeEach, describe, expect, onTestFailed, test } from 'vitest';
import { gone, Yard } from '../support/main-process.ts';
import { until } from '../support/process-rig.ts';

let yard: Yard;

beforeEach(() => {
  yard = new Yard();
});

afterEach(() => yard.stop());

describe('the exit code', () => {
  test.each([
    ['a function that returns', { export: 'shout', args: [1] }, 0],
    ['a function that throws', { export: 'fail' }, 1],
    ['a function that exits', { export: 'exit', args: [7] }, 7],
    ['an export that is not there', { export: 'nothing' }, 1],
    ['a command', { command: ['sh', '-c', 'exit 3'] }, 3],
    ['a command that a signal ends', { command: ['sh', '-c', 'kill -USR1 $$'] }, -10],
    ['a command that is not there', { command: ['no-such-command'] }, 127],
    ['a command that is a directory', { command: ['/'] }, 126],
  ])('of %s is what it should be', async (_, child, code) => {
    const main = await yard.main();
    expect(await main.ask({ do: 'start', as: 'c', child })).toMatchObject({ exitCode: null, isAlive: true });
    expect(await main.ask({ do: 'join', as: 'c' })).toEqual({ exitCode: code });
    expect(await main.ask({ do: 'state', as: 'c' })).toMatchObject({ exitCode: code, isAlive: false });
  });

  test('of one that was terminated or killed is minus the signal', async () => {
    const main = await yard.main();
    for (const [way, code] of [
      ['terminate', -15],
      ['kill', -9],
    ] as const) {
      await main.ask({ do: 'start', as: way, child: { args: [yard.log, way, yard.gate] } });
      await yard.says(new RegExp(`${way} begins`));
      await main.ask({ do: way, as: way });
      expect(await main.ask({ do: 'join', as: way })).toEqual({ exitCode: code });
      // And once more: nothing happens.
      await main.ask({ do: way, as: way });
    }
  });

  test('is known of a child that ended before start() had returned', async () => {
    const main = await yard.main();
    const started = main.ask({ do: 'start', as: 'c', child: { command: ['true'] } });
    const blocked = main.ask({ do: 'block', ms: 200 });
    await Promise.all([started, blocked]);
    expect(await main.ask({ do: 'join', as: 'c' })).toEqual({ exitCode: 0 });
  });
});

test('a function that throws leaves its stack on stderr', async () => {
  const main = await yard.main();
  await main.ask({ do: 'start', as: 'c', child: { export: 'fail' } });
  await main.ask({ do: 'join', as: 'c' });
  await main.ask({ do: 'finish' });
  expect((await main.ended).stderr).toMatch(/TypeError: this child fails\n {4}at fail .*child\.js/);
});

test('arguments arrive as clones, and primitives among them are the same resources', async () => {
  const file = path.join(yard.root, 'count.json');
  fs.writeFileSync(file, '{"count":1}');
  const main = await yard.main();
  const child = { export: 'use', args: [yard.log], gifts: { store: yard.store, file } };
  await main.ask({ do: 'start', as: 'c', child });
  expect(await main.ask({ do: 'join', as: 'c' })).toEqual({ exitCode: 0 });
  expect(yard.lines()).toEqual([
    `lock gift in ${yard.store}`,
    `rwlock index in ${yard.store}`,
    `semaphore room of 3 in ${yard.store}`,
    'date true cycle true main false',
  ]);
  expect(JSON.parse(fs.readFileSync(file, 'utf8'))).toEqual({ count: 2 });
});

test('a child meets others at a transferred primitive, though main is gone', async () => {
  const { store } = yard;
  const main = await yard.main();
  await main.ask({ do: 'start', as: 'c', child: { export: 'meet', args: [yard.log], meeting: { store } } });
  const pid = await yard.pidOf(/^begins \d+$/);
  onTestFailed(() => void process.kill(pid, 'SIGKILL'));
  main.child.kill('SIGKILL');
  await gone(main.child.pid ?? 0);

  await new Event('event', { store }).set();
  await yard.says(/^event true$/);
  // The lock that it was given with the condition.
  const condition = new Condition('condition', { store, lock: new Lock('guard', { store }) });
  await until('it waits', async () => (await condition.inspect()).entries.length === 1);
  expect(await condition.withLock(() => condition.notify())).toBe(1);
  await yard.says(/^condition true under guard$/);

  const barrier = new Barrier('barrier', 2, { store });
  await until('it waits', async () => (await barrier.waiting()) === 1);
  const held = await new RLock('rlock', { store }).acquire();
  // Of a bounded semaphore's permits, as many as there are.
  const all = await new Semaphore('bounded', 2, { store }).acquire({ permits: 2 });
  expect(await barrier.wait()).toBe(1);
  await yard.says(/^counter 2$/);
  expect(await new Counter('counter', { store }).add()).toBe(3);
  await until('it waits', async () => (await new Lock('rlock', { store }).inspect()).entries.length === 2);
  await held.release();
  await until('it waits', async () => (await new Semaphore('bounded', 2, { store }).inspect()).entries.length === 2);
  await all.release();
  await yard.says(/^bounded MisuseError of 2$/);
  await gone(pid);
  expect(yard.lines()).toEqual([
    `begins ${pid}`,
    'event true',
    'condition true under guard',
    'barrier 0 of 2',
    'counter 2',
    'rlock twice',
    'bounded MisuseError of 2',
  ]);
});

test('a module runs with main’s own execArgv, so that TypeScript runs where main’s would', async () => {
  const module = path.join(yard.root, 'module.mjs');
  fs.writeFileSync(module, 'export default () => console.log(JSON.stringify(process.execArgv));');
  const child = new Process({ module, output: 'pipe' });
  child.start();
  const said = (await child.stdout?.toArray())?.join('');
  expect(await child.join()).toBe(0);
  expect(JSON.parse(said ?? '')).toEqual(process.execArgv);
});

test('fifty children at once all run, and all end', async () => {
  const main = await yard.main();
  const names = Array.from({ length: 50 }, (_, n) => `c${n}`);
  const command = (name: string) => ['sh', '-c', `echo ${name} >> '${yard.log}'; exit ${Number(name.slice(1))}`];
  await Promise.all(
    names.map((as) => main.ask({ do: 'start', as, child: { command: command(as), daemon: as < 'c3' } })),
  );
  const ends = await Promise.all(names.map((as) => main.ask({ do: 'join', as })));
  expect(ends.map(({ exitCode }) => exitCode)).toEqual(names.map((_, n) => n));
  expect(yard.lines().sort()).toEqual([...names].sort());
  expect(await main.ask({ do: 'active' })).toEqual({ names: [] });
});

describe('join', () => {
  test('gives up after its timeout, and the child goes on', async () => {
    const main = await yard.main();
    await main.ask({ do: 'start', as: 'c', child: { args: [yard.log, 'c', yard.gate] } });
    expect(await main.ask({ do: 'join', as: 'c', timeout: 20 })).toEqual({ exitCode: null });
    expect(await main.ask({ do: 'active' })).toEqual({ names: ['Process-1'] });
    yard.open();
    expect(await main.ask({ do: 'join', as: 'c', timeout: 20_000 })).toEqual({ exitCode: 0 });
  });

  test('rejects with the signal’s reason, and leaves nothing behind', async () => {
    const child = new Process({ command: ['cat'], output: 'ignore', daemon: false });
    child.start();
    const stop = new AbortController();
    const joined = child.join({ signal: stop.signal });
    stop.abort(new Error('enough'));
    await expect(joined).rejects.toThrow('enough');
    await expect(child.join({ signal: stop.signal })).rejects.toThrow('enough');
    child.kill();
    expect(await child.join()).toBe(-9);
  });
});

describe('end', () => {
  test.each([false, true])('is polite, then not, and resolves to the exit code; daemon: %s', async (daemon) => {
    const polite = new Process({ command: ['sleep', '1000'], daemon });
    polite.start();
    expect(await polite.end()).toBe(-15);
    expect(await polite.end()).toBe(-15);

    const line = `trap '' TERM; echo begun; while :; do sleep 0.02; done`;
    const mule = new Process({ command: ['sh', '-c', line], daemon, grace: 60, output: 'pipe' });
    mule.start();
    for await (const chunk of mule.stdout ?? []) if (String(chunk).includes('begun')) break;
    expect(await mule.end()).toBe(-9);
  });

  test('before start is refused', async () => {
    await expect(new Process({ command: ['true'] }).end()).rejects.toThrow(/has not been started/);
  });
});

describe('output', () => {
  test('that is not read blocks the child, until it is read', async () => {
    const main = await yard.main();
    await main.ask({ do: 'start', as: 'c', child: { export: 'shout', args: [2 ** 20], output: 'pipe' } });
    expect(await main.ask({ do: 'join', as: 'c', timeout: 300 })).toEqual({ exitCode: null });
    expect(await main.ask({ do: 'read', as: 'c' })).toEqual({ bytes: 2 ** 20 });
    expect(await main.ask({ do: 'join', as: 'c' })).toEqual({ exitCode: 0 });
  });

  test('that main inherits arrives whole, though it fills the pipe', async () => {
    const main = await yard.main();
    await main.ask({ do: 'start', as: 'c', child: { export: 'shout', args: [2 ** 20] } });
    await main.ask({ do: 'finish' });
    const { stdout, code } = await main.ended;
    expect({ code, length: stdout.length }).toEqual({ code: 0, length: 2 ** 20 });
  });

  test('of a daemon in a pipe that is open does not keep main alive', async () => {
    const main = await yard.main();
    await main.ask({ do: 'start', as: 'd', child: { args: [yard.log, 'd', yard.gate], daemon: true, output: 'pipe' } });
    await yard.says(/d begins/);
    const read = main.ask({ do: 'read', as: 'd' });
    await main.ask({ do: 'finish' });
    expect(await main.ended).toMatchObject({ code: 0, signal: null });
    await expect(read).rejects.toThrow();
  });
});

describe('misuse is refused at once', () => {
  const command = { command: ['true'] };

  test.each<[string, () => unknown, RegExp]>([
    ['join before start', () => new Process(command).join(), /has not been started: call start\(\) before join\(\)/],
    ['terminate before start', () => new Process(command).terminate(), /has not been started/],
    ['neither module nor command', () => new Process({} as never), /either a module or a command/],
    ['both', () => new Process({ ...command, module: '/x.js' } as never), /either a module or a command/],
    ['an empty command', () => new Process({ command: [] }), /command must be an array of strings/],
    ['a command with a NUL', () => new Process({ command: ['a\0'] }), /without NUL/],
    ['a module from the network', () => new Process({ module: new URL('https://x/y.js') }), /module must be a file/],
    ['a grace below 0', () => new Process({ ...command, grace: -1 }), /grace must be/],
    ['an output that is none', () => new Process({ ...command, output: 'x' as never }), /output must be/],
    [
      'a daemon that is no boolean',
      () => new Process({ ...command, daemon: 1 as never }),
      /daemon must be true or false/,
    ],
    [
      'a function among the arguments',
      () => new Process({ module: '/x.js', args: [() => 1] }).start(),
      /args cannot be transferred to another process/,
    ],
  ])('%s', async (_, use, words) => {
    await expect((async () => use())()).rejects.toThrow(words);
    await expect((async () => use())()).rejects.toMatchObject({ code: 'MISUSE' } satisfies Partial<MisuseError>);
  });

  test('a lease among the arguments', async () => {
    const lease = await new Lock('x', { store: openStore(yard.store) }).acquire();
    const child = new Process({ module: '/x.js', args: [{ deep: [lease] }] });
    expect(() => child.start()).toThrow(/a lease cannot be transferred to another process/);
    expect(child.isAlive()).toBe(false);
    await lease.release();
  });

  test('a second start, and daemon after start', async () => {
    const child = new Process(command);
    child.start();
    expect(() => child.start()).toThrow(/has been started before/);
    expect(() => {
      child.daemon = true;
    }).toThrow(/set daemon before start\(\)/);
    expect(await child.join()).toBe(0);
    expect(() => child.start()).toThrow(/has been started before/);
  });

  test('a daemon that starts children of its own', async () => {
    const main = await yard.main();
    await main.ask({ do: 'start', as: 'd', child: { export: 'nest', args: [yard.log], daemon: true } });
    await main.ask({ do: 'start', as: 'c', child: { export: 'nest', args: [yard.log] } });
    await main.ask({ do: 'join', as: 'd' });
    await main.ask({ do: 'join', as: 'c' });
    expect(yard.lines().sort()).toEqual([
      'nested',
      expect.stringMatching(/a daemon must not start children: start them/),
    ]);
  });

  test('a directory that is not there: nothing was started', () => {
    const child = new Process({ ...command, cwd: path.join(yard.root, 'none') });
    expect(() => child.start()).toThrow(expect.objectContaining({ code: 'START_FAILED' }));
    expect(child.isAlive()).toBe(false);
    expect(Process.activeChildren()).toEqual([]);
  });
});

test('a program pays nothing until its first start(): no listener, no process', async () => {
  const main = await yard.main();
  const { names: before } = await main.ask({ do: 'listeners' });
  expect(before).toEqual(expect.arrayContaining(['beforeExit 0', 'SIGTERM 0', 'SIGCHLD 0']));
  expect(childrenOf(main.child.pid ?? 0)).toEqual([]);
  await main.ask({ do: 'start', as: 'c', child: { command: ['true'] } });
  await main.ask({ do: 'join', as: 'c' });
  const { names: after } = await main.ask({ do: 'listeners' });
  expect(after?.filter((count) => !before?.includes(count))).toEqual(['beforeExit 1']);
  expect(childrenOf(main.child.pid ?? 0)).toEqual([]);
});

function childrenOf(pid: number): string[] {
  return fs.readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean);
}
