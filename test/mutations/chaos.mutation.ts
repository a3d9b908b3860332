import fs from 'node:fs';
import { describe, expect, test } from 'vitest';
import { EtcdRun } from '../../chaos/etcd/run.ts';
import { chaos, type Result } from '../support/chaos-run.ts';

/** What `npm run chaos` looks for, done on purpose by one of its processes: its checks can fail. */

/** Without what has nothing to do with what is broken. */
const BRIEFLY = '--without disk --seconds 2 --processes 6 --break'.split(' ');
/** What is broken shows by chance: on a busy machine two seconds may be too few. */
const MOST_ROUNDS = 10;

/** Runs it briefly, until it has noticed something of each kind, and at most some times. */
async function brieflyBroken(what: string, ...kinds: ReadonlyArray<keyof Result['numbers']>): Promise<Result> {
  for (let round = 1; ; round++) {
    const result = await chaos(...BRIEFLY, what);
    if (round === MOST_ROUNDS || kinds.every((kind) => result.numbers[kind] > 0)) return result;
  }
}

test('whoever goes in without the lock is noticed', async () => {
  const { status, stderr, numbers, kept } = await brieflyBroken('lock', 'overlaps', 'lost');
  expect(status).toBe(1);
  expect(numbers.overlaps).toBeGreaterThan(0);
  expect(numbers.lost).toBeGreaterThan(0);
  expect(stderr).toMatch(/^WRONG: lock\S+: \d+\.\d+ \(token \d+\) found \d+\.\d+ in it$/m);
  expect(fs.readdirSync(kept ?? '')).toEqual(expect.arrayContaining(['disk', 'witness']));
  expect(fs.readdirSync(`${kept}/disk`)).toContain('store');
}, 180_000);

test.each(['semaphore', 'rwlock'])(
  'whoever goes in without the %s is noticed',
  async (what) => {
    const { status, numbers } = await brieflyBroken(what, 'overlaps');
    expect(status).toBe(1);
    expect(numbers.overlaps).toBeGreaterThan(0);
  },
  180_000,
);

test('whoever updates a JSON file without its lock is noticed', async () => {
  const { status, numbers } = await brieflyBroken('json', 'lost');
  expect(status).toBe(1);
  expect(numbers.lost).toBeGreaterThan(0);
}, 180_000);

test('a writer that replaces the file by a part of it is noticed', async () => {
  const { status, stderr, numbers } = await brieflyBroken('replace', 'torn');
  expect(status).toBe(1);
  expect(numbers.torn).toBeGreaterThan(0);
  expect(stderr).toMatch(/^WRONG: \w+\.json: \d+\.\d+ read a part of a document in its operation \d+$/m);
}, 180_000);

test('a line that no longer moves is noticed, and what stands in it is reported', async () => {
  // The holder that forgets it must live.
  const args = '--without kill --without terminate --seconds 60 --processes 6 --stuck-seconds 5 --break release';
  const { status, stderr } = await chaos(...args.split(' '));
  expect(status).toBe(1);
  expect(stderr).toMatch(/^WRONG: pid \d+ made no progress for [\d.]+ s: /m);
  expect(stderr).toMatch(/^WRONG: in line: lock\S+: lock of 1, value 0: \d+ holding 1 pid \d+; \d+ waiting /m);
}, 180_000);

describe.skipIf(EtcdRun.missing !== null)('on a cluster of etcd', () => {
  test('whoever goes in without the lock is noticed', async () => {
    const args = '--store etcd --without members --without outages --seconds 4 --processes 6 --break lock';
    const { status, stderr, numbers } = await chaos(...args.split(' '));
    expect(status).toBe(1);
    expect(numbers.overlaps).toBeGreaterThan(0);
    expect(stderr).toMatch(/^WRONG: lock\S+: \d+\.\d+ \(token \d+\) is in beside \d+\.\d+ \(token \d+\)/m);
  }, 180_000);

  test('whoever goes on with an item of a queue that it gave back is noticed', async () => {
    const without = '--without members --without partitions --without outages --without kill --without container';
    const args = `--store etcd ${without} --seconds 10 --processes 6 --break queue`;
    const { status, stderr, numbers } = await chaos(...args.split(' '));
    expect(status).toBe(1);
    expect(numbers.overlaps).toBeGreaterThan(0);
    expect(stderr).toMatch(
      /^WRONG: todo: item \d+ was in the hands of \d+\.\d+ \(token \d+\) and of \d+\.\d+ \(token \d+\)$/m,
    );
  }, 180_000);

  test('whoever does not hear of its loss, and goes on, is noticed', async () => {
    // What excuses it, or frees its lock in another way, is left out.
    const without = ['kill', 'terminate', 'stop', 'outages', 'slow', 'members', 'revocation'];
    const args = '--store etcd --seconds 45 --processes 8 --stuck-seconds 300 --break signal'.split(' ');
    const { status, numbers } = await chaos(...args, ...without.flatMap((trouble) => ['--without', trouble]));
    expect(status).toBe(1);
    expect(numbers.overlaps).toBeGreaterThan(0);
    expect(numbers.lost).toBe(0);
  }, 400_000);
});
