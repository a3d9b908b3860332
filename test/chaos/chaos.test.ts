import { execFile } from 'node:child_process';
import fs from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';

/** As `npm run chaos` runs it. `npm test` builds it first. */
const MAIN = fileURLToPath(new URL('../../dist/chaos/main.js', import.meta.url));
const SUMMARY =
  /^chaos: seed (\S+): (\S+) cycles, (\S+) kills, (\S+) stops, (\S+) rotations, (?:(\S+) )?full disks(?: skipped)?, overlaps (\S+), lost (\S+)$/m;

interface Result {
  status: number | string;
  stdout: string;
  stderr: string;
  numbers: Record<'seed' | 'cycles' | 'kills' | 'stops' | 'rotations' | 'full' | 'overlaps' | 'lost', number>;
  kept: string | undefined;
}

function chaos(...args: string[]): Promise<Result> {
  return new Promise((resolve) => {
    execFile(process.execPath, [MAIN, ...args], { timeout: 150_000 }, (error, stdout, stderr) => {
      const status = error ? (error.code ?? error.signal ?? 'failed') : 0;
      const [, ...found] = SUMMARY.exec(stdout) ?? [];
      const [seed, cycles, kills, stops, rotations, full, overlaps, lost] = found.map((text) =>
        Number((text ?? '0').replaceAll(',', '')),
      ) as [number, number, number, number, number, number, number, number];
      const kept = /^chaos: everything is kept in (.+)$/m.exec(stderr)?.[1];
      if (kept) onTestFinished(() => fs.rmSync(kept, { recursive: true, force: true }));
      resolve({
        status,
        stdout,
        stderr,
        numbers: { seed, cycles, kills, stops, rotations, full, overlaps, lost },
        kept,
      });
    });
  });
}

test('among kills, stops, full disks and jumping clocks nobody overlaps, nothing is lost and nothing is left', async () => {
  const { status, stdout, stderr, numbers } = await chaos('--seed', '42', '--seconds', '7', '--processes', '8');
  expect(stderr).toBe('');
  expect(status).toBe(0);
  expect(numbers).toMatchObject({ seed: 42, overlaps: 0, lost: 0 });
  for (const what of ['cycles', 'kills', 'stops', 'rotations'] as const)
    expect(numbers[what], stdout).toBeGreaterThan(0);
  if (stdout.includes('full disks skipped')) expect(stdout).toMatch(/no disk was filled up: ./);
  else expect(numbers.full).toBeGreaterThan(0);
  const mounts = fs.existsSync('/proc/self/mounts') ? fs.readFileSync('/proc/self/mounts', 'utf8') : '';
  expect(mounts).not.toContain('lockstep-chaos');
}, 180_000);

/** Without what has nothing to do with what is broken. */
const BRIEFLY = '--without disk --seconds 2 --processes 6 --break'.split(' ');

test('whoever goes in without the lock is noticed', async () => {
  const { status, stderr, numbers, kept } = await chaos(...BRIEFLY, 'lock');
  expect(status).toBe(1);
  expect(numbers.overlaps).toBeGreaterThan(0);
  expect(numbers.lost).toBeGreaterThan(0);
  expect(stderr).toMatch(/^WRONG: lock\S+: \d+\.\d+ \(token \d+\) found \d+\.\d+ in it$/m);
  expect(fs.readdirSync(kept ?? '').sort()).toEqual(['disk', 'witness']);
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

test('a line that no longer moves is noticed, and what stands in it is told', async () => {
  // The holder that forgets it must live.
  const args = '--without kill --without terminate --seconds 60 --processes 6 --stuck-seconds 5 --break release';
  const { status, stderr } = await chaos(...args.split(' '));
  expect(status).toBe(1);
  expect(stderr).toMatch(/^WRONG: pid \d+ made no progress for [\d.]+ s: /m);
  expect(stderr).toMatch(/^WRONG: in line: lock\S+: lock of 1, value 0: \d+ holding 1 pid \d+; \d+ waiting /m);
}, 180_000);

test('a seed or a time that makes no sense is refused, before anything is made', async () => {
  for (const args of [
    ['--seconds', '0'],
    ['--seed', 'x'],
    ['--break', 'everything'],
    ['--without', 'mercy'],
    ['--fast'],
  ]) {
    const { status, stderr } = await chaos(...args);
    expect(status).toBe(64);
    expect(stderr).toContain('npm run chaos -- [--seed N]');
  }
});
