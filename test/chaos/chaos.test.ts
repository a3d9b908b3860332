import fs from 'node:fs';
import { expect, test } from 'vitest';
import { chaos } from '../support/chaos-run.ts';

test('among kills, stops, full disks and jumping clocks nobody overlaps, nothing is lost, torn or left', async () => {
  const { status, stdout, stderr, numbers } = await chaos('--seed', '42', '--seconds', '7', '--processes', '8');
  expect(stderr).toBe('');
  expect(status).toBe(0);
  expect(numbers).toMatchObject({ seed: 42, overlaps: 0, lost: 0, torn: 0 });
  for (const what of ['cycles', 'kills', 'stops', 'rotations', 'forgotten', 'updates'] as const)
    expect(numbers[what], stdout).toBeGreaterThan(0);
  if (!stdout.includes('no containers: '))
    for (const what of ['containerKills', 'otherBoots'] as const) expect(numbers[what], stdout).toBeGreaterThan(0);
  if (stdout.includes('full disks skipped')) expect(stdout).toMatch(/no disk was filled up: ./);
  else expect(numbers.full).toBeGreaterThan(0);
  const mounts = fs.existsSync('/proc/self/mounts') ? fs.readFileSync('/proc/self/mounts', 'utf8') : '';
  expect(mounts).not.toContain('lockstep-chaos');
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
