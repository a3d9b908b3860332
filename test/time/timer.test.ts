import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { nodeHost } from '../../lib/host/node-host.ts';
import { byDeadline } from '../../lib/time/deadline.ts';
import { later } from '../../lib/time/timer.ts';

/** The longest delay that `setTimeout` takes. */
const MAX_DELAY_MS = 2 ** 31 - 1;
const LONG = [MAX_DELAY_MS, MAX_DELAY_MS + 1, 2 ** 32, 2.5 * MAX_DELAY_MS, 1e11];

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

function pass(ms: number): void {
  // In steps: the fake clock's own moves are bounded as timers are.
  for (let rest = ms; rest > 0; rest -= MAX_DELAY_MS) vi.advanceTimersByTime(Math.min(rest, MAX_DELAY_MS));
}

const TIMERS: Array<[string, (ms: number, callback: () => void) => () => void]> = [
  ['later', later],
  ['the host’s timer', (ms, callback) => nodeHost.clock.timer(ms, true, callback)],
  ['the host’s timer that keeps no process', (ms, callback) => nodeHost.clock.timer(ms, false, callback)],
];

describe.each(TIMERS)('%s', (_, start) => {
  test.each([0, 5, ...LONG])('fires once, after %i ms and not before', (ms) => {
    const callback = vi.fn();
    start(ms, callback);
    pass(ms - 1);
    expect(callback).not.toHaveBeenCalled();
    pass(ms === 0 ? 1 : 2);
    expect(callback).toHaveBeenCalledOnce();
    pass(2 * MAX_DELAY_MS);
    expect(callback).toHaveBeenCalledOnce();
    expect(vi.getTimerCount()).toBe(0);
  });

  test.each(LONG)('of %i ms never fires once it is cancelled, in its first delay or a later one', (ms) => {
    const callback = vi.fn();
    const cancelAtOnce = start(ms, callback);
    const cancelLate = start(ms, callback);
    cancelAtOnce();
    pass(ms - 1);
    cancelLate();
    pass(ms);
    expect(callback).not.toHaveBeenCalled();
    expect(vi.getTimerCount()).toBe(0);
  });

  test('of infinite length never fires, and is there until it is cancelled', () => {
    const callback = vi.fn();
    const cancel = start(Number.POSITIVE_INFINITY, callback);
    pass(10 * MAX_DELAY_MS);
    expect(callback).not.toHaveBeenCalled();
    expect(vi.getTimerCount()).toBe(1);
    cancel();
    expect(vi.getTimerCount()).toBe(0);
  });
});

test.each([true, false])('a long timer keeps its process in every delay, or in none: %s', (keepAlive) => {
  const started = vi.spyOn(globalThis, 'setTimeout');
  later(2.5 * MAX_DELAY_MS, () => undefined, keepAlive);
  pass(2 * MAX_DELAY_MS);
  const timers = started.mock.results.map(({ value }) => value as NodeJS.Timeout);
  expect(timers.map((timer) => timer.hasRef())).toEqual([keepAlive, keepAlive, keepAlive]);
  started.mockRestore();
});

describe('a deadline', () => {
  test.each(LONG)('in %i ms ends the wait then, and not before', async (ms) => {
    const never = new Promise<void>(() => undefined);
    const over = vi.fn();
    const wait = byDeadline(never, ms).then(over);
    pass(ms - 1);
    await Promise.resolve();
    expect(over).not.toHaveBeenCalled();
    pass(2);
    await wait;
    expect(over).toHaveBeenCalledOnce();
    expect(vi.getTimerCount()).toBe(0);
  });

  test('in the far future leaves no timer behind when the wait ends, or its signal aborts', async () => {
    await byDeadline(Promise.resolve(), 1e11);
    expect(vi.getTimerCount()).toBe(0);
    const controller = new AbortController();
    const wait = byDeadline(new Promise<void>(() => undefined), Number.POSITIVE_INFINITY, controller.signal);
    controller.abort();
    await wait;
    expect(vi.getTimerCount()).toBe(0);
  });
});
