import { execFile } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const run = promisify(execFile);

let directory: string;

/** Where the second copy may be from: two dependencies may each bring the package; a module is not always one that can be required. */
const SECOND = [
  ['of another installation', 'two/lib/index.js'],
  ['of the same installation, in CommonJS', 'one/commonjs/index.cjs'],
] as const;

// Two copies of the package; and one in a bundle of CommonJS.
beforeAll(async () => {
  directory = fs.mkdtempSync(path.join(os.tmpdir(), 'lockstep-copies-'));
  for (const copy of ['one', 'two']) {
    for (const part of ['lib', 'commonjs'])
      fs.cpSync(path.join(ROOT, 'dist', part), path.join(directory, copy, part), { recursive: true });
    fs.copyFileSync(path.join(ROOT, 'package.json'), path.join(directory, copy, 'package.json'));
  }
  fs.symlinkSync(path.join(ROOT, 'node_modules'), path.join(directory, 'node_modules'));
  const options = { bundle: true, platform: 'node', format: 'cjs', logLevel: 'silent' } as const;
  const outfile = path.join(directory, 'bundled.cjs');
  await build({ ...options, entryPoints: [path.join(directory, 'two/lib/index.js')], outfile });
});

afterAll(() => fs.rmSync(directory, { recursive: true, maxRetries: 10, retryDelay: 20 }));

/** Runs a program that has both copies, in a store of its own, and resolves to the values that it printed. */
async function evaluate(code: string, two: string): Promise<unknown[]> {
  const file = path.join(fs.mkdtempSync(path.join(directory, 'program-')), 'main.mjs');
  const copies = Object.entries({ one: 'one/lib/index.js', two });
  const builtins = ["import fs from 'node:fs';", "import { spawnSync } from 'node:child_process';"];
  const imports = copies.map(([copy, name]) => `import * as ${copy} from '${directory}/${name}';`);
  const print = 'const print = (...values) => console.log(JSON.stringify(values));';
  fs.writeFileSync(file, [...builtins, ...imports, print, code].join('\n'));
  const env = { ...process.env, LOCKSTEP_DIR: path.join(path.dirname(file), 'store') };
  const { stdout } = await run(process.execPath, [file], { env, timeout: 20_000, killSignal: 'SIGKILL' });
  return stdout.split('\n').flatMap((line) => (line === '' ? [] : (JSON.parse(line) as unknown[])));
}

const CODE = '.catch((error) => error.code)';

describe.each(SECOND)('a copy %s', (_, two) => {
  test.each(['Lock', 'RWLock', 'BoundedSemaphore'])(
    'a wait inside of what another copy’s %s holds is reported',
    async (kind) => {
      const printed = await evaluate(
        `
    const [outer, inner] = [one, two].map((copy) => new copy.${kind}('a'${kind === 'BoundedSemaphore' ? ', 1' : ''}));
    const inside = () => outer.${kind === 'BoundedSemaphore' ? 'withPermits' : 'withLock'}(() => inner.acquire());
    // It has something else to do, so that the flow alone is what shows the deadlock.
    const timer = setInterval(() => undefined, 1_000);
    print(await inside()${CODE}, (await outer.inspect()).entries.length);
    clearInterval(timer);`,
        two,
      );
      expect(printed).toEqual(['DEADLOCK', 0]);
    },
  );

  test('a process that does nothing but wait through one copy for what another copy holds is in a deadlock', async () => {
    const printed = await evaluate(
      `
    const lease = await new one.Lock('a').acquire();
    print(await new two.Lock('a').acquire().catch((error) => [error.code, error.message.includes('this process')]));
    print((() => { try { new two.Lock('a').acquireSync(); } catch (error) { return error.code; } })());
    await lease.release();
    await new two.Lock('a').withLock(() => print('in'));`,
      two,
    );
    expect(printed).toEqual([['DEADLOCK', true], 'DEADLOCK', 'in']);
  });

  test('waits of two copies for each other are a deadlock, and one of them ends', async () => {
    const printed = await evaluate(
      `
    const [a, b] = [await new one.Lock('a').acquire(), await new two.Lock('b').acquire()];
    const waits = [new one.Lock('b').acquire(), new two.Lock('a').acquire()];
    const first = await Promise.race(waits.map((wait) => wait${CODE}));
    print(first);
    await a.release();
    await b.release();
    await Promise.allSettled(waits);`,
      two,
    );
    expect(printed).toEqual(['DEADLOCK']);
  });

  test('a copy’s wait is no deadlock while the other copy has a timer that will release', async () => {
    const printed = await evaluate(
      `
    const lease = await new one.Lock('a').acquire();
    setTimeout(() => lease.release(), 150);
    await new two.Lock('a').withLock(() => print('in'));`,
      two,
    );
    expect(printed).toEqual(['in']);
  });

  test('an RLock is acquired again through another copy, and free after as many releases', async () => {
    const printed = await evaluate(
      `
    const [first, second] = [new one.RLock('a'), new two.RLock('a')];
    await first.withLock(async (outer) => {
      await second.withLock((inner) => print(outer.token === inner.token));
      print(outer.held);
    });
    await new two.Owner().run(async () => {
      const leases = [await first.acquire(), await second.acquire()];
      print(leases[0].token === leases[1].token);
      for (const lease of leases) await lease.release();
    });
    print((await second.inspect()).entries.length);`,
      two,
    );
    expect(printed).toEqual([true, true, true, 0]);
  });

  test('a Condition of one copy waits with the lease of another', async () => {
    const printed = await evaluate(
      `
    const guards = [one, two].map((copy) => new copy.Lock('guard'));
    const [waiter, notifier] = [one, two].map((copy, at) => new copy.Condition('c', { lock: guards[at] }));
    const lease = await guards[1].acquire();
    const woken = waiter.wait({ lease });
    while ((await waiter.inspect()).entries.length === 0 || (await guards[0].inspect()).entries.length > 0) await null;
    await notifier.withLock(() => notifier.notify());
    print(await woken, lease.held, (await guards[0].inspect()).entries.length);
    await lease.release();
    print((await guards[0].inspect()).entries.length);`,
      two,
    );
    expect(printed).toEqual([true, true, 1, 0]);
  });

  test('every class that is exported knows the instances of another copy, and of no other class', async () => {
    const printed = await evaluate(
      `
    const made = {
      LockstepError: (copy) => new copy.LockstepError('X', 'x'),
      LockTimeoutError: (copy) => new copy.LockTimeoutError('a', 1, []),
      DeadlockError: (copy) => new copy.DeadlockError('a', []),
      BrokenBarrierError: (copy) => new copy.BrokenBarrierError('a', 'x'),
      LeaseLostError: (copy) => new copy.LeaseLostError('a', 1, 'x'),
      LogFullError: (copy) => new copy.LogFullError('a', 1),
      ConfigMismatchError: (copy) => new copy.ConfigMismatchError('a', 'x', 'y'),
      StoreError: (copy) => new copy.StoreError('X', 'x', { path: '' }),
      MisuseError: (copy) => new copy.MisuseError('x'), LogFullError: (copy) => new copy.LogFullError('a', 1),
      Barrier: (copy) => new copy.Barrier('a', 1), Condition: (copy) => new copy.Condition('a'),
      Counter: (copy) => new copy.Counter('a'), Event: (copy) => new copy.Event('a'),
      JsonFile: (copy) => new copy.JsonFile('a'), Lock: (copy) => new copy.Lock('a'),
      LockManager: (copy) => new copy.LockManager(), RLock: (copy) => new copy.RLock('a'),
      RWLock: (copy) => new copy.RWLock('a'), Semaphore: (copy) => new copy.Semaphore('a', 1),
      BoundedSemaphore: (copy) => new copy.BoundedSemaphore('a', 1), Owner: (copy) => new copy.Owner(),
      Process: (copy) => new copy.Process({ command: ['true'] }), Lease: () => leases.shift(),
      Queue: (copy) => new copy.Queue('a'), QueueItem: (copy) => new copy.QueueItem(leases[0], { sequence: 1, takes: 1 }, 0),
    };
    const leases = [await new one.Lock('lease').acquire(), await new two.Lock('other').acquire()];
    const classes = Object.keys(one).filter((name) => /^class /.test(String(one[name])));
    print(classes.filter((name) => !made[name]));
    for (const name of classes) {
      const [own, other] = [made[name](one), made[name](two)];
      const known = (instance) => classes.filter((one_) => instance instanceof one[one_]).join();
      if (known(own) !== known(other) || !(other instanceof one[name])) print(name, known(own), known(other));
    }
    class Own extends one.Lock {}
    print(new Own('a') instanceof Own, new two.Lock('a') instanceof Own, new one.Lock('a') instanceof Own);
    print([null, undefined, 1, 'a', {}].some((value) => value instanceof one.Lock));`,
      two,
    );
    expect(printed).toEqual([[], true, false, false, false]);
  });

  test('a process of one copy is given a lock of the other', async () => {
    const printed = await evaluate(
      `
    const file = '${directory}/module.mjs';
    fs.writeFileSync(file, "export default (lock) => lock.withLock(() => [lock.name, lock.constructor.name]);");
    for (const [giver, made] of [[one, two], [two, one]]) {
      const child = new giver.Process({ module: file, args: [new made.Lock('a')] });
      child.start();
      print(await child.result());
    }`,
      two,
    );
    expect(printed).toEqual([
      ['a', 'Lock'],
      ['a', 'Lock'],
    ]);
  });

  test('a signal ends a process in which both copies hold locks, and both are free at once', async () => {
    const printed = await evaluate(
      `
    const code = 'Promise.all([require(process.argv[1]), require(process.argv[2])].map((copy, at) => new copy.Lock("ab"[at]).acquire()))' +
      '.then(() => { setInterval(() => undefined, 1_000); process.kill(process.pid, "SIGTERM"); })';
    const files = ['${directory}/one/lib/index.js', '${directory}/${two}'];
    const child = spawnSync(process.execPath, ['-e', code, ...files], { timeout: 15_000, killSignal: 'SIGKILL' });
    print(child.signal, String(child.stderr));
    const entries = await Promise.all(['a', 'b'].map((name) => new one.Lock(name).inspect()));
    print(entries.map(({ entries }) => entries.length));`,
      two,
    );
    expect(printed).toEqual(['SIGTERM', '', [0, 0]]);
  });
});

test.each([
  ['of another installation', 'two/lib/etcd/index.js'],
  ['of the same installation, in CommonJS', 'one/commonjs/etcd-index.cjs'],
])('an entry knows the instances of a copy %s', async (_, two) => {
  const printed = await evaluate(
    `
    const own = await import('${directory}/one/lib/etcd/index.js');
    const credentials = new two.Credentials('a', 'b');
    const error = await own.openEtcdStore('etcd://127.0.0.1:1/a', { credentials }).ping().catch((error) => error);
    print(own.Credentials === two.Credentials, error instanceof one.StoreError, error.cause instanceof two.EtcdError);`,
    two,
  );
  expect(printed).toEqual([false, true, true]);
});

test('a module and a bundle of CommonJS see each other’s deadlocks, and know each other’s classes', async () => {
  const printed = await evaluate(
    `
    const [outer, inner] = [new one.Lock('a'), new two.Lock('a')];
    const timer = setInterval(() => undefined, 1_000);
    print(one.Lock === two.Lock, inner instanceof one.Lock, outer instanceof two.Lock);
    print(await outer.withLock(() => inner.acquire())${CODE}, await inner.withLock(() => outer.acquire())${CODE});
    const error = await outer.withLock(() => inner.acquire()).catch((error) => error);
    print(error instanceof one.DeadlockError, error instanceof two.DeadlockError, error instanceof one.MisuseError);
    clearInterval(timer);`,
    'bundled.cjs',
  );
  expect(printed).toEqual([false, true, true, 'DEADLOCK', 'DEADLOCK', true, true, false]);
});
