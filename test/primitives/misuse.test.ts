import fs from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { ConfigMismatchError, JsonFile, Lock, MisuseError, openStore, Semaphore } from '../../lib/index.ts';
import { temporaryDirectory } from '../support/tape.ts';

let store: string;

beforeEach(() => {
  store = path.join(temporaryDirectory(), 'store');
});

describe('misuse is thrown at once, with nothing done', () => {
  test.each([0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 31, '4' as unknown as number])(
    'a semaphore of %s permits',
    (permits) => {
      expect(() => new Semaphore('ktv', permits, { store })).toThrow(MisuseError);
      expect(() => new Semaphore('ktv', permits, { store })).toThrow(`not ${permits}`);
    },
  );

  test.each([0, -1, 1.5, Number.NaN, 5])('asking a semaphore of four for %s', async (permits) => {
    const semaphore = new Semaphore('ktv', 4, { store });
    const call = async () => semaphore.acquire({ permits });
    await expect(call()).rejects.toThrow(MisuseError);
    expect(() => semaphore.acquireSync({ permits })).toThrow(`from 1 to 4, not ${permits}`);
    expect(() => semaphore.tryAcquireSync({ permits })).toThrow(MisuseError);
    expect(fs.existsSync(store)).toBe(false);
  });

  test.each([Number.NaN, -1, '5' as unknown as number, null as unknown as number])(
    'a timeout of %s',
    async (timeout) => {
      const lock = new Lock('deploy', { store });
      await expect(lock.acquire({ timeout })).rejects.toThrow(MisuseError);
      expect(() => lock.acquireSync({ timeout })).toThrow(`not ${timeout}`);
      expect(fs.existsSync(store)).toBe(false);
    },
  );

  test('a name that is none, a label that is no text, an empty store or file path', async () => {
    expect(() => new Lock('', { store })).toThrow(MisuseError);
    expect(() => new Semaphore('a\0b', 1, { store })).toThrow(MisuseError);
    expect(() => openStore('')).toThrow(MisuseError);
    expect(() => new JsonFile('')).toThrow(MisuseError);
    const label = 7 as unknown as string;
    await expect(new Lock('deploy', { store }).acquire({ label })).rejects.toThrow(MisuseError);
  });
});

test('making a lock or a semaphore touches no file', () => {
  new Lock('deploy', { store });
  new Semaphore('ktv', 4, { store });
  expect(fs.existsSync(store)).toBe(false);
});

test('a label is cut at 200 characters', async () => {
  const lock = new Lock('deploy', { store });
  await using _lease = await lock.acquire({ label: 'x'.repeat(500) });
  expect((await lock.inspect()).entries[0]?.label).toHaveLength(200);
});

test('a name in use for something else is an error that names both, and nothing changes', async () => {
  const semaphore = new Semaphore('ktv', 4, { store });
  await using _lease = await semaphore.acquire();
  const journal = path.join(store, 'resources/ktv/journal.1');
  const before = fs.readFileSync(journal, 'utf8');
  const others = [new Lock('ktv', { store }), new Semaphore('ktv', 3, { store })];
  for (const other of others) {
    for (const call of [() => other.acquire(), () => other.tryAcquire()]) {
      await expect(call()).rejects.toThrow(ConfigMismatchError);
      await expect(call()).rejects.toMatchObject({ code: 'CONFIG_MISMATCH', resource: 'ktv' });
      await expect(call()).rejects.toThrow('semaphore of 4 permits');
    }
    expect(() => other.acquireSync()).toThrow(other instanceof Lock ? 'a lock' : 'semaphore of 3 permits');
    expect(() => other.tryAcquireSync()).toThrow(ConfigMismatchError);
  }
  expect(fs.readFileSync(journal, 'utf8')).toBe(before);
});
