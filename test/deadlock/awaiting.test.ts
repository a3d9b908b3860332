import { afterEach, expect, test } from 'vitest';
import { functionsAwaiting } from '../../lib/deadlock/awaiting.ts';

const { stackTraceLimit, prepareStackTrace } = Error;

afterEach(() => {
  Object.assign(Error, { stackTraceLimit, prepareStackTrace });
});

async function look(): Promise<ReadonlySet<string>> {
  await new Promise((resolve) => setImmediate(resolve));
  return functionsAwaiting();
}

/** The result inside `depth` functions that await each other around it. */
async function within(depth: number): Promise<ReadonlySet<string>> {
  if (depth > 0) return await within(depth - 1);
  return await look();
}

async function outermost(depth: number): Promise<ReadonlySet<string>> {
  return await within(depth);
}

test('those that await are found through a long chain, and one that does not await is not', async () => {
  let found: Promise<ReadonlySet<string>> | undefined;
  async function beside() {
    found = outermost(200);
    await null;
  }
  await beside();
  const names = await found;
  expect([names?.has('outermost'), names?.has('beside')]).toEqual([true, false]);
});

test.each<[string, object]>([
  ['lists no frames', { stackTraceLimit: 0 }],
  ['has traces of its own', { prepareStackTrace: () => 'mine' }],
])('a program that %s has its settings kept', async (_, settings) => {
  Object.assign(Error, settings);
  const names = await outermost(0);
  const kept = { stackTraceLimit: Error.stackTraceLimit, prepareStackTrace: Error.prepareStackTrace };
  // The test runner needs its own again.
  Object.assign(Error, { stackTraceLimit, prepareStackTrace });
  expect(names.has('outermost')).toBe(true);
  expect(kept).toEqual({ stackTraceLimit, prepareStackTrace, ...settings });
});

test('where nothing can be known, nobody is found, and nothing is thrown', async () => {
  const error = globalThis.Error;
  globalThis.Error = Object.freeze(class extends error {}) as ErrorConstructor;
  try {
    expect((await outermost(0)).has('outermost')).toBe(false);
  } finally {
    globalThis.Error = error;
  }
});
