import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { GuestRig, LIBRARY_DIRECTORY, NODE_MODULES } from '../support/guest-rig.ts';

const AS_INIT = ['unshare', '--pid', '--fork', '--mount-proc', '--kill-child'];
const permitted = spawnSync('unshare', [...AS_INIT.slice(1), 'true']).status === 0;
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

let rig: GuestRig;
beforeEach(() => {
  rig = new GuestRig();
});
afterEach(() => rig.end());

async function states(name = 'n'): Promise<string[]> {
  return (await rig.entries(name)).map(({ state, stale }) => (stale ? 'stale' : state));
}

describe('the program’s own', () => {
  test('signals have a handler of ours only while something is held or waits', async () => {
    const { stdout } = await rig.program(`
      const seen = [handlers()];
      const look = async (what) => { await turn(); seen.push(what + ' ' + handlers()); };
      await lock.inspect(); await look('inspected');
      const lease = await lock.acquire(); await look('held');
      const second = await new RLock('r').acquire(); await look('two');
      await second.release(); await look('one');
      await lock.acquire({ timeout: 20 }).catch(() => undefined); await look('timed out');
      await lease.release(); seen.push('released ' + handlers());
      const holder = await new Lock('m').acquire();
      await holder.release();
      const waiter = new Event('e').wait({ timeout: 60_000, signal: AbortSignal.timeout(50) }).catch(() => undefined);
      await look('waiting'); await waiter; seen.push('aborted ' + handlers());
      await lock.tryAcquire().then((lease) => lease.release()); seen.push('tried ' + handlers());
      const lost = await lock.acquire(); await look('held again');
      const gone = new Promise((resolve) => lost.signal.addEventListener('abort', resolve));
      await (await import('node:child_process')).execFile(process.execPath, [process.env.MAIN, 'break', 'n']);
      await gone; await lost.release().catch(() => undefined);
      while (handlers() !== '0 0 0') await turn(); seen.push('lost ' + handlers());
      say(seen.join('; '));`).ended;
    expect(stdout.trim().split('; ')).toEqual([
      '0 0 0',
      'inspected 0 0 0',
      'held 1 1 1',
      'two 1 1 1',
      'one 1 1 1',
      'timed out 1 1 1',
      'released 0 0 0',
      'waiting 1 1 1',
      'aborted 0 0 0',
      'tried 0 0 0',
      'held again 1 1 1',
      'lost 0 0 0',
    ]);
  });

  test('after many brief leases the next has handlers only once it has lasted, and then it has', async () => {
    const { stdout } = await rig.program(`
      let brief = '', leases = 0;
      while (brief !== '0 0 0' && leases++ < 5_000) {
        const lease = await lock.acquire(); await turn(); brief = handlers(); await lease.release();
      }
      const lease = await lock.acquire();
      while (handlers() !== '1 1 1') await delay(10);
      await lease.release();
      say([brief, leases > 32, 'released ' + handlers()].join('; '));`).ended;
    expect(stdout).toBe('0 0 0; true; released 0 0 0\n');
  });

  test('functions, other events and properties are never changed, also in a guarded store', async () => {
    const { stdout, stderr } = await rig.program(`
      const events = ['beforeExit', 'uncaughtException', 'unhandledRejection', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2', 'SIGXFSZ', 'SIGALRM',
        'SIGABRT', 'SIGPIPE', 'SIGCHLD', 'SIGCONT', 'SIGIO', 'SIGPWR', 'SIGSYS', 'SIGTRAP', 'SIGVTALRM', 'SIGXCPU'];
      const facts = () => ({ emit: process.emit, exit: process.exit, reallyExit: process.reallyExit, kill: process.kill,
        exitCode: process.exitCode, write: process.stdout.write, ...Object.fromEntries(events.map((one) => [one, process.listenerCount(one)])) });
      const before = facts();
      const changed = () => { const now = facts(); return Object.keys(before).filter((key) => now[key] !== before[key]); };
      const lease = await lock.acquire(); await turn(); say('held: ' + changed());
      const guarded = new Lock('g', { store: openStore('guarded', { guarded: true }) });
      const other = await guarded.acquire(); await turn(); say('guarded: ' + changed() + !!process.__signal_exit_emitter__);
      await other.release(); await lease.release(); say('released: ' + changed() + handlers());`).ended;
    expect({ stdout, stderr }).toEqual({ stdout: 'held: \nguarded: true\nreleased: 0 0 0\n', stderr: '' });
  });

  test('many leases, nested and one after another, never add a second handler', async () => {
    const { stdout, stderr } = await rig.program(`
      const counts = new Set(), exits = process.listenerCount('exit');
      for (let round = 0; round < 100; round++) {
        const leases = await Promise.all(Array.from({ length: 20 }, (_, at) => new Lock('l' + at).acquire()));
        await turn(); counts.add(handlers());
        await Promise.all(leases.map((lease) => lease.release())); counts.add(handlers());
      }
      say([...counts].join(', ') + ', ' + (process.listenerCount('exit') - exits));`).ended;
    expect({ stdout, stderr }).toEqual({ stdout: '1 1 1, 0 0 0, 1\n', stderr: '' });
  });
});

describe('Ctrl-C in a long computation acts at once', () => {
  test.each([
    ['after a release in the same turn', 'await lock.withLock(() => undefined); compute();'],
    ['after a release some turns later', 'await lock.withLock(() => turn()); compute();'],
    ['after a wait that timed out', 'await new Event("e").wait({ timeout: 30 }); compute();'],
    ['after a nested release', 'await lock.withLock(() => new Lock("m").withLock(() => turn())); compute();'],
    [
      'after one of many brief leases',
      'for (let n = 0; n < 100; n++) await lock.withLock(() => undefined); compute();',
    ],
    ['after a try that was refused', 'new Lock("n").acquireSync(); await lock.tryAcquire(); compute();'],
    ['under a lock that was acquired synchronously', 'const lease = lock.acquireSync(); await turn(); compute();'],
  ])('%s', async (_, text) => {
    const program = rig.program(`${text} say('computed');`);
    await program.says('computing');
    program.kill('SIGINT');
    expect(await program.ended).toMatchObject({ status: 'SIGINT', stdout: 'computing\n' });
    expect((await states()).filter((state) => state !== 'stale')).toEqual([]);
  });
});

test('a signal in a computation under the lock is not lost by the release', async () => {
  const program = rig.program(`
    await lock.withLock(async () => { await turn(); compute(); });
    say('released'); await delay(60_000);`);
  await program.says('computing');
  program.kill('SIGTERM');
  rig.enough();
  expect((await program.ended).status).toBe('SIGTERM');
  expect(await states()).toEqual([]);
});

describe.each(SIGNALS)('%s to a program without a handler of its own', (signal) => {
  test('gives back what is held and what waits, and ends the program', async () => {
    const program = rig.program(`
      await lock.acquire(); const waits = new RLock('n').acquire().catch(() => undefined);
      await new Semaphore('s', 3).acquire({ permits: 2 });
      await delay(30); say('in'); await order();`);
    await program.says('in');
    program.kill(signal);
    expect((await program.ended).status).toBe(signal);
    expect([...(await states()), ...(await states('s'))]).toEqual([]);
  });
});

test('a signal that the program sends to itself does the same', async () => {
  const program = rig.program(`
    await lock.acquire(); await turn(); process.kill(process.pid, 'SIGTERM'); say('sent'); await delay(60_000);`);
  expect(await program.ended).toMatchObject({ status: 'SIGTERM', stdout: 'sent\n' });
  expect(await states()).toEqual([]);
});

/** Ways to install `handler` before the lock is acquired, and while it is held. */
const WAYS = [
  ['on', 'before'],
  ['once', 'before'],
  ['prependListener', 'before'],
  ['prependOnceListener', 'before'],
  ['on', 'after'],
  ['once', 'after'],
  ['prependListener', 'after'],
  ['prependOnceListener', 'after'],
] as const;

function withHandler(way: string, when: string, handler: string): string {
  const install = `process.${way}('SIGTERM', ${handler});`;
  return `${when === 'before' ? install : ''} await lock.acquire(); await turn(); ${when === 'after' ? install : ''}
    await turn(); say('in'); await order(); process.exit(3);`;
}

describe.each(WAYS)('a handler of the program’s own (process.%s %s the acquire) decides', (way, when) => {
  test('to live on: it still holds', async () => {
    const program = rig.program(withHandler(way, when, `() => say('handled')`));
    await program.says('in');
    program.kill('SIGTERM');
    await program.says('handled');
    expect(await states()).toEqual(['holding']);
    program.write('end\n');
    expect((await program.ended).status).toBe(3);
    expect(await states()).toEqual([]);
  });

  test('to exit, now or later, with a code of its own', async () => {
    const program = rig.program(
      withHandler(way, when, `async () => { say('handled'); await delay(50); process.exit(7); }`),
    );
    await program.says('in');
    program.kill('SIGTERM');
    expect((await program.ended).status).toBe(7);
    expect(await states()).toEqual([]);
  });
});

test('a handler that tidies up and sends the signal again: the program dies of it, and nothing is left in line', async () => {
  const handler = `() => { say('tidied'); process.kill(process.pid, 'SIGTERM'); }`;
  const program = rig.program(withHandler('once', 'before', handler));
  await program.says('in');
  program.kill('SIGTERM');
  expect(await program.ended).toMatchObject({ status: 'SIGTERM', stdout: 'in\ntidied\n' });
  expect(await states()).toEqual([]);
});

test('handlers that come and go while something is held leave the signal as it was', async () => {
  const program = rig.program(`
    await lock.acquire(); await turn();
    for (const way of ['on', 'once', 'prependListener', 'prependOnceListener']) {
      const handler = () => say('never'); process[way]('SIGTERM', handler); process.off('SIGTERM', handler);
      process[way]('SIGTERM', handler); await turn(); process.off('SIGTERM', handler);
    }
    say('in ' + handlers()); await order();`);
  await program.says('in 1 1 1');
  program.kill('SIGTERM');
  expect((await program.ended).status).toBe('SIGTERM');
  expect(await states()).toEqual([]);
});

describe.each([
  ['3', `createRequire(require.resolve('proper-lockfile'))('signal-exit')`],
  ['4', `require('signal-exit').onExit`],
])('where the program has signal-exit %s', (_, onExit) => {
  test.each([
    ['before', ''],
    ['after', 'await lock.acquire(); await turn();'],
  ])('installed %s the acquire, both do their part, and the signal ends the program', async (_when, first) => {
    const program = rig.program(`
      ${first} ${onExit}((code, signal) => say('signal-exit ' + code + ' ' + signal));
      await new Lock('m').acquire(); await turn(); say('in'); await order();`);
    await program.says('in');
    program.kill('SIGTERM');
    expect(await program.ended).toMatchObject({ status: 'SIGTERM', stdout: 'in\nsignal-exit null SIGTERM\n' });
    expect([...(await states()), ...(await states('m'))]).toEqual([]);
  });
});

test('two copies of the package in one process both give back, and the signal ends it', async () => {
  const copy = rig.path('copy', 'lib', 'index.js');
  fs.cpSync(LIBRARY_DIRECTORY, rig.path('copy', 'lib'), { recursive: true });
  fs.symlinkSync(NODE_MODULES, rig.path('node_modules'));
  const program = rig.program(`
    const other = await import(${JSON.stringify(copy)});
    await lock.acquire(); await turn(); const lease = await new other.Lock('m').acquire(); await turn();
    await new Lock('k').withLock(() => turn());
    say('in ' + handlers()); await order();`);
  await program.says('in 2 2 2');
  program.kill('SIGTERM');
  expect((await program.ended).status).toBe('SIGTERM');
  expect([...(await states()), ...(await states('m'))]).toEqual([]);
});

test('a worker thread that holds adds no handler, and the signal ends the process', async () => {
  fs.writeFileSync(
    rig.path('worker.mjs'),
    `import { Lock } from ${JSON.stringify(`${LIBRARY_DIRECTORY}index.js`)};
     import { parentPort } from 'node:worker_threads';
     await new Lock('n').acquire(); parentPort.postMessage(process.listenerCount('SIGTERM')); setInterval(() => undefined, 1_000);`,
  );
  const program = rig.program(`
    const { Worker } = await import('node:worker_threads');
    const worker = new Worker('./worker.mjs');
    const count = await new Promise((resolve) => worker.once('message', resolve));
    say('in ' + handlers() + ', worker ' + count); await order();`);
  await program.says('in 0 0 0, worker 0');
  program.kill('SIGTERM');
  expect((await program.ended).status).toBe('SIGTERM');
  expect((await states()).filter((state) => state !== 'stale')).toEqual([]);
});

// The kernel delivers to it only signals that it handles. One at a time: Node handles SIGINT and SIGTERM (to restore the
// terminal) with all signals blocked, and what the kernel drops at once while nothing is blocked, it queues then.
describe.runIf(permitted)('the first process of a container without a handler of its own', () => {
  test.each(SIGNALS)('is not ended by %s, so it still holds', async (signal) => {
    const program = rig.program(
      `const lease = await lock.acquire(); await turn(); say('in ' + handlers());
       await order(); say(lease.held ? 'held' : 'lost'); await lease.release(); process.exit(5);`,
      { through: AS_INIT },
    );
    await program.says('in 0 0 0');
    process.kill(Number(fs.readFileSync(`/proc/${program.pid}/task/${program.pid}/children`, 'utf8')), signal);
    program.write('go\n');
    expect(await program.ended).toMatchObject({ status: 5, stdout: 'in 0 0 0\nheld\n' });
  });
});

describe('the exit code is the program’s own', () => {
  const USED = 'await lock.withLock(() => turn());';
  const HELD = 'await lock.acquire(); await turn();';
  test.each([
    ['a check that fails in an exit handler, after', 1, `process.on('exit', () => { throw new Error('x'); }); ${USED}`],
    [
      'a check that fails in an exit handler, while held',
      1,
      `${HELD} process.on('exit', () => { throw new Error('x'); });`,
    ],
    ['an unsettled top-level await, after', 13, `${USED} await new Promise(() => undefined);`],
    ['an unsettled top-level await, while held', 13, `${HELD} await new Promise(() => undefined);`],
    ['process.exitCode', 9, `${HELD} process.exitCode = 9;`],
    ['process.exitCode, set in an exit handler', 9, `${HELD} process.on('exit', () => { process.exitCode = 9; });`],
    ['process.exit in an exit handler', 8, `${HELD} process.on('exit', () => process.exit(8));`],
    ['an uncaught exception', 1, `${HELD} setImmediate(() => { throw new Error('x'); });`],
    [
      'an exception that the program handles',
      6,
      `process.on('uncaughtException', () => process.exit(6)); ${HELD} throw new Error('x');`,
    ],
    ['nothing wrong', 0, HELD],
  ])('%s: %i', async (_, status, text) => {
    const program = rig.program(text);
    expect((await program.ended).status).toBe(status);
    expect((await states()).filter((state) => state !== 'stale')).toEqual([]);
  });
});

test('at a limit on the size of files an acquire is STORE_FULL, and the program goes on', async () => {
  const program = rig.program(
    `let error; while (!error) await lock.withLock(() => turn()).catch((failure) => { error = failure; });
     await delay(50); say(error.code);`,
    { through: ['/bin/sh', '-c', 'ulimit -f 8; exec "$@"', 'sh'] },
  );
  expect(await program.ended).toMatchObject({ status: 0, stdout: 'STORE_FULL\n' });
});
