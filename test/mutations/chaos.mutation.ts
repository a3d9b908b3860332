import fs from 'node:fs';
import { expect, test } from 'vitest';
import { chaos } from '../support/chaos-run.ts';

/** What `npm run chaos` looks for, done on purpose by one of its processes: its checks can fail. */

/** Without what has nothing to do with what is broken. */
const BRIEFLY = '--without disk --seconds 2 --processes 6 --break'.split(' ');

test('whoever goes in without the lock is noticed', async () => {
  const { status, stderr, numbers, kept } = await chaos(...BRIEFLY, 'lock');
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
    const { status, numbers } = await chaos(...BRIEFLY, what);
    expect(status).toBe(1);
    expect(numbers.overlaps).toBeGreaterThan(0);
  },
  180_000,
);

test('whoever updates a JSON file without its lock is noticed', async () => {
  const { status, numbers } = await chaos(...BRIEFLY, 'json');
  expect(status).toBe(1);
  expect(numbers.lost).toBeGreaterThan(0);
}, 180_000);

test('a writer that replaces the file by a part of it is noticed', async () => {
  const { status, stderr, numbers } = await chaos(...BRIEFLY, 'replace');
  expect(status).toBe(1);
  expect(numbers.torn).toBeGreaterThan(0);
  expect(stderr).toMatch(/^WRONG: \w+\.json: \d+\.\d+ read a part of a document in its operation \d+$/m);
}, 180_000);

test('a line that no longer moves is noticed, and what stands in it is told', async () => {
  // The holder that forgets it must live.
  const args = '--without kill --without terminate --seconds 60 --processes 6 --stuck-seconds 5 --break release';
  const { status, stderr } = await chaos(...args.split(' '));
  expect(status).toBe(1);
  expect(stderr).toMatch(/^WRONG: pid \d+ made no progress for [\d.]+ s: /m);
  expect(stderr).toMatch(/^WRONG: in line: lock\S+: lock of 1, value 0: \d+ holding 1 pid \d+; \d+ waiting /m);
}, 180_000);
