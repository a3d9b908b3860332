import os from 'node:os';

/**
 * The ms since this machine was booted, including those for which it was suspended. Compare only with itself.
 *
 * Node has no other access to Linux's CLOCK_BOOTTIME: `process.hrtime` is CLOCK_MONOTONIC, which stands still while the machine
 * sleeps. libuv reads `/proc/uptime`, whose unit is 10 ms. On macOS it is the wall clock minus the time of booting, in
 * whole seconds. In whole ms, so that a difference of two is exact.
 */
export function bootMs(): number {
  return Math.round(os.uptime() * 1_000);
}
