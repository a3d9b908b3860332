import os from 'node:os';
import { expect, onTestFinished, test, vi } from 'vitest';
import { bootMs } from '../../lib/host/boot-clock.ts';

test.each([
  [2.01, 2_010],
  [8_388.54, 8_388_540],
  [12_345_678.01, 12_345_678_010],
])('an uptime of %s s is %s ms, without a fraction that makes a difference inexact', (seconds, ms) => {
  vi.spyOn(os, 'uptime').mockReturnValue(seconds);
  onTestFinished(() => void vi.restoreAllMocks());
  expect(bootMs()).toBe(ms);
});
