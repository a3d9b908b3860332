import fs from 'node:fs';
import { until } from './cli-rig.ts';

/** How many wait for the kernel's lock on a file. */
export function flockWaiters(file: string): number {
  const { ino } = fs.statSync(file);
  const lines = fs.readFileSync('/proc/locks', 'utf8').split('\n');
  return lines.filter((line) => line.includes('-> FLOCK') && line.includes(`:${ino} `)).length;
}

export function untilFlockWaiters(file: string, count: number): Promise<void> {
  return until(`${count} wait for the flock of ${file}`, () => flockWaiters(file) === count);
}
