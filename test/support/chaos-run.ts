import { execFile } from 'node:child_process';
import fs from 'node:fs';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';

/** As `npm run chaos` runs it. `npm test` builds it first. */
export const MAIN = fileURLToPath(new URL('../../build/chaos/main.js', import.meta.url));
const SUMMARY =
  /^chaos: seed (\S+): (\S+) cycles, (\S+) kills, (\S+) of whole containers, (\S+) other boots, (\S+) stops, (\S+) rotations, (\S+) names forgotten, (?:(\S+) )?full disks(?: skipped)?, overlaps (\S+), lost (\S+), json updates (\S+), refused for want of space (\S+), torn (\S+)$/m;

const NUMBERS = [
  'seed',
  'cycles',
  'kills',
  'containerKills',
  'otherBoots',
  'stops',
  'rotations',
  'forgotten',
  'full',
  'overlaps',
  'lost',
  'updates',
  'refused',
  'torn',
] as const;

export interface Result {
  status: number | string;
  stdout: string;
  stderr: string;
  numbers: Record<(typeof NUMBERS)[number], number>;
  kept: string | undefined;
}

/** Runs it to its end. If it keeps files because of a finding, they are removed after the test. */
export function chaos(...args: string[]): Promise<Result> {
  return new Promise((resolve) => {
    execFile(process.execPath, [MAIN, ...args], { timeout: 400_000 }, (error, stdout, stderr) => {
      const status = error ? (error.code ?? error.signal ?? 'failed') : 0;
      const [, ...found] = SUMMARY.exec(stdout) ?? [];
      const number = (at: number) => Number((found[at] ?? '0').replaceAll(',', ''));
      const kept = /^chaos: everything is kept in (.+)$/m.exec(stderr)?.[1];
      if (kept) onTestFinished(() => fs.rmSync(kept, { recursive: true, force: true }));
      resolve({
        status,
        stdout,
        stderr,
        numbers: Object.fromEntries(NUMBERS.map((name, at) => [name, number(at)])) as Result['numbers'],
        kept,
      });
    });
  });
}
