import { Lock, openStore } from 'lockstep';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Rig, until } from '../support/cli-rig.ts';
import { EtcdCluster, freePorts, HAS_ETCD } from '../support/etcd.ts';

let rig: Rig;
let url: string;
beforeEach(async () => {
  rig = new Rig();
  const [port] = await freePorts(1);
  url = `etcd://127.0.0.1:${port}/x`;
});
afterEach(async () => {
  await openStore(url).close();
  await rig.end();
});

const away = (...words: string[]) => rig.lockstep(words, { env: { LOCKSTEP_STORE: url }, input: '' }).ended;

describe('a store whose servers do not answer', () => {
  test('ends an acquire within its timeout, in words', async () => {
    const began = performance.now();
    await expect(new Lock('a', { store: url }).acquire({ timeout: 1_300 })).rejects.toMatchObject({
      code: 'UNREACHABLE',
      message: expect.stringMatching(
        /^a: the store etcd:\S+ has not answered within 1300 ms\. Check that its servers run and that its URL names them; then try again\.$/,
      ),
    });
    expect(performance.now() - began).toBeLessThan(3_000);
  });

  test('gives the servers a second, also where the caller would not wait for the lock', async () => {
    await expect(new Lock('a', { store: url }).acquire({ timeout: 0 })).rejects.toMatchObject({
      code: 'UNREACHABLE',
      message: expect.stringContaining('has not answered within 1000 ms.'),
    });
  });

  test('ends a single try within two seconds', async () => {
    const began = performance.now();
    await expect(new Lock('a', { store: url }).tryAcquire()).rejects.toMatchObject({
      code: 'UNREACHABLE',
      message: expect.stringContaining('has not answered within 2000 ms. Check that'),
    });
    expect(performance.now() - began).toBeLessThan(3_500);
  });

  test.each([
    ['run', 'a', '-n', '--', 'true'],
    ['acquire', 'a', '-n', '--pid', String(process.pid)],
  ])('ends %s %s %s within two seconds, with 74', async (...words) => {
    const began = performance.now();
    const { status, stdout, stderr } = await away(...words);
    expect(performance.now() - began).toBeLessThan(4_000);
    expect([status, stdout]).toEqual([74, '']);
    expect(stderr).toMatch(
      /^lockstep: a: the store etcd:\S+ has not answered within 2000 ms\. Check that .* `lockstep doctor` asks each server\.\n$/,
    );
  });

  test.each([
    ['that would not wait', 2_000, ['job', 'a', '--', 'true']],
    ['that waits for a time', 1_000, ['job', 'a', '--overlap', 'wait', '-w', '500ms', '--', 'true']],
  ])('ends a job %s as soon as run, and says that its run could not be recorded', async (_, within, words) => {
    const began = performance.now();
    const { status, stdout, stderr } = await away(...words);
    expect(performance.now() - began).toBeLessThan(within + 2_000);
    expect([status, stdout]).toEqual([74, '']);
    expect(stderr).toMatch(
      /^lockstep: a: the command did not begin, because its run could not be recorded:\nlockstep: etcd put: no member could do it in time .* `lockstep doctor` asks each server\.\n$/,
    );
  });

  test('ends an acquire when its signal aborts', async () => {
    const acquire = new Lock('a', { store: url }).acquire({ signal: AbortSignal.timeout(50) });
    await expect(acquire).rejects.toMatchObject({ name: 'TimeoutError' });
  });

  test('ends run -w within that time, with 74', async () => {
    const began = performance.now();
    const { status, stderr } = await away('run', 'a', '-w', '1500ms', '--', 'true');
    expect(performance.now() - began).toBeLessThan(4_000);
    expect([status, stderr]).toEqual([
      74,
      expect.stringMatching(
        /^lockstep: a: the store etcd:\S+ has not answered within 1500 ms\. .* `lockstep doctor` asks each server\.\n$/,
      ),
    ]);
  });

  test.each([
    ['run', 'a', '--', 'true'],
    ['acquire', 'a', '--pid', String(process.pid)],
    ['release', 'a', '--pid', String(process.pid)],
    ['status'],
    ['break', 'a'],
    ['counter', 'c'],
  ])('has %s say what was asked, where, why, and what to do, and exit 74', async (...words) => {
    const { status, stdout, stderr } = await away(...words);
    expect([status, stdout]).toEqual([74, '']);
    expect(stderr).toMatch(
      /^lockstep: (\w+: )?etcd [a-z ]+: no member could do it in time \(127\.0\.0\.1:\d+: connect ECONNREFUSED [^)]*\)\. Nothing was done\. Check that the members run and that the URL names them; then try again\. `lockstep doctor` asks each server\.\n$/,
    );
  });

  test.each([
    ['etcd://127.0.0.1:1/x?tll=15s', "there is no option 'tll': did you mean ttl?"],
    ['etcd://127.0.0.1:99999/x', "'99999' is no port"],
    ['etdc://127.0.0.1:1/x', 'there are no stores on etdc'],
    ['etcds://127.0.0.1:1/x?ca=/nowhere/ca.pem', '/nowhere/ca.pem'],
  ])('is named when its URL is wrong: %s', async (wrong, message) => {
    const { status, stderr } = await rig.lockstep(['run', 'a', '--', 'true'], {
      env: { LOCKSTEP_STORE: wrong },
      input: '',
    }).ended;
    expect(stderr).toContain(message);
    expect([64, 74]).toContain(status);
  });

  test('is silent while a name is completed', async () => {
    const began = performance.now();
    const { status, stdout, stderr } = await away('completion', 'bash', '--', 'lockstep run ', ' ');
    expect([status, stdout, stderr]).toEqual([0, 'words\n', '']);
    expect(performance.now() - began).toBeLessThan(4_000);
  });
});

describe('what answers at once on disk', () => {
  test.each([
    ['acquireSync', 'await acquire(…)', (lock: Lock) => lock.acquireSync()],
    ['tryAcquireSync', 'await tryAcquire(…)', (lock: Lock) => lock.tryAcquireSync()],
  ])('%s: says what to write instead', (name, instead, call) => {
    expect(() => call(new Lock('a', { store: url }))).toThrow(
      `a: ${name} is for stores that answer at once, and ${url} has to ask its servers. Write ${instead} instead.`,
    );
  });
});

describe.skipIf(!HAS_ETCD)('completion on etcd', () => {
  test('offers the names that the verb takes', async () => {
    const cluster = await EtcdCluster.start();
    const env = { LOCKSTEP_STORE: `etcd://${cluster.members[0]?.endpoint}/x` };
    try {
      for (const words of [
        ['run', 'deploy', '--', 'true'],
        ['event', 'set', 'downloads'],
      ])
        expect((await rig.lockstep(words, { env, input: '' }).ended).status).toBe(0);
      const offered = async (line: string) =>
        (await rig.lockstep(['completion', 'bash', '--', line, ' '], { env, input: '' }).ended).stdout;
      // It offers nothing if the servers take 300 ms, as they may on a busy machine.
      const offeredInTime = async (line: string) => {
        let answer = '';
        await until(`${line} is completed`, async () => {
          answer = await offered(line);
          return answer !== 'words\n';
        });
        return answer;
      };
      expect(await offeredInTime('lockstep run d')).toBe('words\ndeploy\n');
      expect(await offeredInTime('lockstep status d')).toBe('words\ndeploy\ndownloads\n');
    } finally {
      await cluster.stop();
    }
  }, 90_000);
});

describe.skipIf(!HAS_ETCD)('a lease of a store on servers', () => {
  test('says what to write instead of releaseSync and using, and is given back all the same at the end of a block', async () => {
    const cluster = await EtcdCluster.start();
    const place = `etcd://${cluster.members[0]?.endpoint}/x`;
    try {
      const lock = new Lock('a', { store: place });
      const lease = await lock.acquire();
      expect(() => lease.releaseSync()).toThrow('Write await release() instead.');
      expect(lease.held).toBe(true);
      expect(() => lease[Symbol.dispose]()).toThrow('Write await using instead.');
      await lock.withLock(() => undefined);
      expect(lease.held).toBe(false);
    } finally {
      await openStore(place).close();
      await cluster.stop();
    }
  }, 90_000);
});
