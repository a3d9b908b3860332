import { expect, test } from 'vitest';
import { LastRuns } from '../../../cli/report/last-runs.ts';
import { stripOf } from '../../../cli/text/strip.ts';
import { judgeJob } from '../../../lib/jobs/health.ts';
import type { Outcome } from '../../../lib/jobs/run.ts';
import type { RunReading } from '../../../lib/jobs/run-log.ts';
import { runAt } from '../../support/recorded-run.ts';

const NOW = Date.now();
const SKIPPED = { waitedMs: null, tookMs: null } as const;

/** The newest last, a minute apart. */
function readingsOf(outcomes: ReadonlyArray<Outcome | number>): RunReading[] {
  return outcomes
    .map((outcome, at): RunReading => {
      const [when, count] = [NOW - (outcomes.length - at) * 60_000, Number(outcome)];
      const run =
        typeof outcome === 'number'
          ? runAt(when, { ...SKIPPED, outcome: 'skipped', skips: { count, since: 0 } })
          : runAt(when, { outcome });
      return { run, state: 'ended', orphaned: false, stopped: null, unseen: false };
    })
    .reverse();
}

function stripFor(readings: readonly RunReading[], jobs = 1): string {
  const lastRuns = new LastRuns(jobs);
  for (const reading of readings) if (!lastRuns.isFull) lastRuns.add(reading);
  return stripOf(lastRuns.marks(judgeJob(readings, NOW)), true);
}

test('the newest run is at the right', () => {
  expect(stripFor(readingsOf(['succeeded', 'failed', 'timed-out', 'succeeded']))).toBe('✓✗✗✓');
});

test('skips in a row are one mark with their number; of the newest ones all count, also those without a record', () => {
  expect(stripFor(readingsOf(['succeeded', 1, 2, 'failed', 1, 'succeeded']))).toBe('✓·2✗·✓');
  expect(stripFor(readingsOf(['succeeded', 300, 301]))).toBe('✓·301');
});

test('a start that was not due has no mark', () => {
  expect(stripFor(readingsOf(['failed', 'not-due', 'succeeded', 'not-due']))).toBe('✗✓');
});

test('it has ten marks at most; of five hundred jobs two each, and never none', () => {
  const many = readingsOf(Array(50).fill('succeeded'));
  expect(stripFor(many)).toBe('✓'.repeat(10));
  expect(stripFor(many, 500)).toBe('✓✓');
  expect(stripFor(many, 100_000)).toBe('✓');
});

test('starts that were not due end the reading, before there are ten marks', () => {
  const readings = readingsOf(['succeeded', ...Array<Outcome>(60).fill('not-due')]);
  expect(stripFor(readings)).toBe('');
});
