import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { JobJudge, judgeJob } from '../../lib/jobs/health.ts';
import type { JobVerdict } from '../../lib/jobs/job-verdict.ts';
import { OUTCOMES, type Run } from '../../lib/jobs/run.ts';
import type { ObservedRun, RunReading } from '../../lib/jobs/run-log.ts';
import { whyStuck } from '../../lib/jobs/stuck.ts';
import { durationsBefore } from '../../lib/jobs/success-durations.ts';
import { DAY, HOUR, MINUTE, type RunWishes, runAt, runningSince } from '../support/recorded-run.ts';

const NOW = Date.UTC(2026, 10, 20, 12);
const DAILY = { expect: 'every 24h', graceMs: HOUR } as const;

/** A run that is over. */
function over(agoMs: number, wishes: RunWishes = {}): ObservedRun {
  return seen(runAt(NOW - agoMs, wishes), { state: 'ended' });
}

function failed(agoMs: number, wishes: RunWishes = {}): ObservedRun {
  return over(agoMs, { outcome: 'failed', code: 3, ...wishes });
}

function lost(agoMs: number): ObservedRun {
  return seen(runAt(NOW - agoMs, { outcome: null }), { state: 'lost' });
}

function running(agoMs: number, wishes: RunWishes = {}, changes: Partial<ObservedRun> = {}): ObservedRun {
  return seen(runningSince(NOW - agoMs, wishes), { state: 'running', ...changes });
}

function waiting(agoMs: number, wishes: RunWishes = {}, changes: Partial<ObservedRun> = {}): ObservedRun {
  return seen(runningSince(NOW - agoMs, { waitedMs: null, ...wishes }), { state: 'waiting', ...changes });
}

function seen(run: Run, changes: Partial<ObservedRun>): ObservedRun {
  return { run, state: 'ended', orphaned: false, stopped: null, unseen: false, ...changes };
}

/** Judges readings that are given in any order: the newest is judged first. */
function judged(...readings: RunReading[]): JobVerdict {
  const at = (reading: RunReading) => ('run' in reading ? reading.run.at : (reading.at ?? 0));
  return judgeJob(
    readings.toSorted((a, b) => at(b) - at(a)),
    NOW,
  );
}

describe('a job', () => {
  test('is ok after a success, and unknown if it never ran', () => {
    expect(judged(over(HOUR))).toMatchObject({ state: 'ok', failed: null, late: false, stuck: null, problem: null });
    expect(judged()).toMatchObject({ state: 'unknown', problem: 'it never ran', newest: null, last: null });
  });

  test('is running while a run of it waits or runs, and lists all of them', () => {
    expect(judged(over(HOUR), running(MINUTE))).toMatchObject({ state: 'running' });
    expect(judged(waiting(MINUTE))).toMatchObject({ state: 'running', problem: null, last: null });
    const permits = { plan: { permits: 3 } };
    const two = [running(3 * MINUTE, permits), running(MINUTE, permits)];
    const { state, live, last } = judged(...two, over(2 * MINUTE, permits));
    expect({ state, live: live.length, last: last?.run.ended?.outcome }).toEqual({
      state: 'running',
      live: 2,
      last: 'succeeded',
    });
  });

  test('has the most urgent of its states, and reports the others too', () => {
    const plan = { ...DAILY, permits: 2 };
    const verdict = judged(
      over(3 * DAY, { plan }),
      failed(2 * DAY, { plan }),
      running(DAY / 2, { plan }, { orphaned: true }),
    );
    expect(verdict).toMatchObject({ state: 'stuck', late: true, failed: { run: { ended: { code: 3 } } } });
    expect(judged(over(3 * DAY, { plan }), failed(2 * DAY, { plan }))).toMatchObject({ state: 'failed', late: true });
    expect(judged(failed(2 * HOUR), running(HOUR))).toMatchObject({ state: 'failed' });
    expect(judged(over(3 * DAY, { plan }), running(HOUR, { plan }))).toMatchObject({ state: 'late' });
  });
});

describe('failed', () => {
  test.each(['failed', 'timed-out', 'gave-up'] as const)('is a job whose newest run %s', (outcome) => {
    expect(judged(over(DAY), over(HOUR, { outcome }))).toMatchObject({ state: 'failed' });
  });

  test('is one whose newest run was lost', () => {
    expect(judged(over(DAY), lost(HOUR))).toMatchObject({ state: 'failed', failed: { state: 'lost' } });
  });

  test('is none that succeeded since', () => {
    expect(judged(failed(DAY), lost(DAY / 2), over(HOUR))).toMatchObject({ state: 'ok', failed: null });
  });

  test.each(['replaced', 'cancelled', 'skipped', 'not-due'] as const)(
    'is told of the run before one that was %s',
    (outcome) => {
      expect(judged(failed(DAY), over(HOUR, { outcome }))).toMatchObject({ state: 'failed' });
      expect(judged(over(DAY), over(HOUR, { outcome }))).toMatchObject({ state: 'ok' });
      expect(judged(over(HOUR, { outcome }))).toMatchObject({
        state: 'unknown',
        problem: 'none of its runs has succeeded or failed yet',
      });
    },
  );

  test('reports the newest of several failures', () => {
    expect(judged(failed(DAY, { code: 1 }), failed(HOUR, { code: 2 })).failed?.run.ended?.code).toBe(2);
  });

  test('is a job by when its runs began, not by when they ended', () => {
    const long = failed(10 * HOUR, { tookMs: 9 * HOUR, plan: { permits: 2 } });
    expect(judged(long, over(5 * HOUR))).toMatchObject({ state: 'ok' });
  });
});

describe('the last run', () => {
  test('is the newest that is over and did something', () => {
    const skipped = over(MINUTE, { outcome: 'skipped', tookMs: null });
    const { last, newest } = judged(failed(DAY), over(HOUR, { outcome: 'cancelled' }), running(5 * MINUTE), skipped);
    expect([last?.run.ended?.outcome, newest?.run.ended?.outcome]).toEqual(['cancelled', 'skipped']);
  });
});

describe('the typical duration', () => {
  test('is the median of the last 20 successes, and of nothing else', () => {
    const successes = Array.from({ length: 20 }, (_, at) => over((at + 1) * HOUR, { tookMs: (at + 1) * 1_000 }));
    const old = Array.from({ length: 20 }, (_, at) => over((at + 100) * HOUR, { tookMs: 1e6 }));
    expect(judged(...successes, ...old, failed(MINUTE, { tookMs: 1 })).typicalMs).toBe(10_500);
    expect(judged(...successes.slice(0, 3)).typicalMs).toBe(2_000);
    expect(judged(failed(HOUR)).typicalMs).toBeNull();
  });

  test('counts no waiting, and all attempts', () => {
    const run = runAt(NOW - HOUR, { waitedMs: 30 * MINUTE, tookMs: 1_000 });
    const [attempt] = run.attempts;
    const retried = { ...run, attempts: attempt ? [{ ...attempt, at: attempt.at - 5_000 }, attempt] : [] };
    expect(judged(seen(run, {})).typicalMs).toBe(1_000);
    expect(judged(seen(retried, {})).typicalMs).toBe(6_000);
  });

  test('is never negative, even if the clock was set back meanwhile', () => {
    expect(judged(over(HOUR, { tookMs: -5_000 })).typicalMs).toBe(0);
  });
});

describe('late', () => {
  test('is a job once its grace is over, not before', () => {
    const since = (ms: number) => judged(over(DAY + HOUR + ms, { plan: DAILY }));
    expect(since(0)).toMatchObject({ state: 'ok', late: false, due: { at: NOW - HOUR, graceMs: HOUR } });
    expect(since(1)).toMatchObject({ state: 'late', late: true });
  });

  test('is counted from the start of the last success, whatever came since it', () => {
    const success = over(2 * DAY, { plan: DAILY, tookMs: 30 * HOUR });
    expect(judged(success).due?.at).toBe(NOW - DAY);
    expect(judged(success, failed(HOUR, { plan: DAILY }), running(MINUTE, { plan: DAILY }))).toMatchObject({
      late: true,
    });
  });

  test('is counted from the oldest run that is known if there never was a success', () => {
    const plan = DAILY;
    expect(judged(failed(26 * HOUR, { plan }), failed(HOUR, { plan }))).toMatchObject({ late: true });
    expect(judged(failed(24 * HOUR, { plan }), failed(HOUR, { plan }))).toMatchObject({ late: false });
    expect(judged(over(26 * HOUR, { plan, outcome: 'skipped' }))).toMatchObject({ state: 'late' });
  });

  test('is never a job without an expectation', () => {
    expect(judged(over(365 * DAY))).toMatchObject({ state: 'ok', due: null });
  });

  test('is judged by the expectation of the newest run, even if that was skipped', () => {
    const first = over(3 * HOUR, { plan: { expect: 'every 24h' } });
    const hourly = { expect: 'every 1h', graceMs: 0 };
    expect(judged(first, over(MINUTE, { plan: hourly, outcome: 'skipped' }))).toMatchObject({ state: 'late' });
    expect(judged(first, over(MINUTE, { outcome: 'skipped' }))).toMatchObject({ state: 'ok', due: null });
  });

  test('has the default grace of the expectation, where none was given', () => {
    const { due } = judged(over(25 * HOUR, { plan: { expect: 'every 24h' } }));
    expect(due).toEqual({ expect: 'every 24h', zone: null, graceMs: 2.4 * HOUR, at: NOW - HOUR });
  });

  test('is no job whose command was begun in time and still runs', () => {
    const success = over(30 * HOUR, { plan: DAILY });
    const { state, late } = judged(success, running(5 * HOUR, { plan: DAILY }));
    expect({ state, late }).toEqual({ state: 'running', late: false });
  });

  test.each([
    ['was begun too late', running(4 * HOUR, { plan: DAILY })],
    ['waited in line until it was too late', running(10 * HOUR, { plan: DAILY, waitedMs: 6 * HOUR })],
    ['still waits', waiting(10 * HOUR, { plan: DAILY })],
  ])('is a job whose run %s', (_, run) => {
    expect(judged(over(30 * HOUR, { plan: DAILY }), run)).toMatchObject({ state: 'late' });
  });

  test('is judged in local time for a crontab line', () => {
    const at = new Date(2026, 10, 18, 2, 30).getTime();
    const run = seen(runAt(at + 5_000, { plan: { expect: '30 2 * * *' } }), {});
    const due = new Date(2026, 10, 19, 2, 30).getTime();
    expect(judgeJob([run], due + 10 * MINUTE)).toMatchObject({ state: 'ok', due: { at: due, graceMs: 10 * MINUTE } });
    expect(judgeJob([run], due + 10 * MINUTE + 1)).toMatchObject({ state: 'late' });
  });

  test('is not put off by a success of the future: the clock was set back since', () => {
    const plan = DAILY;
    expect(judged(over(2 * DAY, { plan }), over(-30 * DAY, { plan }))).toMatchObject({ state: 'late' });
    expect(judged(over(-MINUTE, { plan }))).toMatchObject({ state: 'ok' });
    // Not even by so many that no older run would seem to count.
    const judge = new JobJudge(NOW);
    for (let at = 0; at < 30; at++) judge.add(over(-DAY, { plan }));
    expect(judge.hasEnough(false)).toBe(false);
  });

  test('of an invalid expectation is unknown: the job is not ok', () => {
    const { state, problem, due } = judged(over(HOUR, { plan: { expect: 'now and then' } }));
    expect({ state, due }).toEqual({ state: 'unknown', due: null });
    expect(problem).toContain("'now and then'");
  });
});

describe('stuck', () => {
  const TIMEOUT = { timeoutMs: HOUR, killAfterMs: 10_000 };

  test('is a run whose attempt should have been ended a minute ago', () => {
    const latest = HOUR + 10_000 + MINUTE;
    expect(judged(running(latest, { plan: TIMEOUT }))).toMatchObject({ state: 'running', stuck: null });
    expect(judged(running(latest + 1, { plan: TIMEOUT }))).toMatchObject({
      state: 'stuck',
      stuck: { why: 'past-timeout' },
    });
  });

  test('is none that has been trying for longer, each attempt in its time, or rests between two', () => {
    const run = runningSince(NOW - 5 * HOUR, { plan: { ...TIMEOUT, retries: 5 } });
    const [first] = run.attempts;
    if (!first) throw new Error('it has no attempt');
    const exited = { it: 'exited', at: NOW - 4 * HOUR, code: 1, signal: null, timedOut: false } as const;
    const resting = { ...run, attempts: [{ ...first, exited }] };
    expect(judged(seen(resting, { state: 'running' }))).toMatchObject({ state: 'running' });
    const again = {
      ...run,
      attempts: [
        { ...first, exited },
        { ...first, at: NOW - MINUTE },
      ],
    };
    expect(judged(seen(again, { state: 'running' }))).toMatchObject({ state: 'running' });
  });

  test('is one without a timeout that runs for longer than two intervals', () => {
    const hours = (count: number) => judged(running(count * HOUR + 2 * MINUTE, { plan: DAILY }));
    expect(hours(47)).toMatchObject({ stuck: null });
    expect(hours(48)).toMatchObject({ state: 'stuck', stuck: { why: 'past-intervals' } });
    expect(judged(running(365 * DAY))).toMatchObject({ state: 'running' });
    // A run that may take that long is asked about its timeout only.
    expect(judged(running(3 * DAY, { plan: { ...DAILY, timeoutMs: 5 * DAY } }))).toMatchObject({ stuck: null });
  });

  test('is one whose lockstep job is gone, and one that is stopped, also while it waits', () => {
    expect(judged(running(MINUTE, {}, { orphaned: true }))).toMatchObject({
      state: 'stuck',
      stuck: { why: 'orphaned' },
    });
    expect(judged(running(MINUTE, {}, { stopped: 'command' }))).toMatchObject({ stuck: { why: 'stopped' } });
    expect(judged(waiting(MINUTE, {}, { stopped: 'job' }))).toMatchObject({ state: 'stuck' });
  });

  test('is found in any of the runs, not only in the newest', () => {
    const plan = { permits: 2 };
    const hung = running(DAY, { plan }, { stopped: 'command' });
    const verdict = judged(hung, running(MINUTE, { plan }), over(2 * MINUTE, { plan }));
    expect(verdict.stuck?.observed).toBe(hung);
  });
});

/** A run that found another one there. */
function skipped(agoMs: number, wishes: RunWishes = {}): ObservedRun {
  return over(agoMs, { outcome: 'skipped', waitedMs: null, tookMs: null, ...wishes });
}

describe('a run without a timeout that keeps others out', () => {
  const usual = [
    over(30 * HOUR, { tookMs: HOUR }),
    over(31 * HOUR, { tookMs: MINUTE }),
    over(32 * HOUR, { tookMs: 1 }),
  ];
  const hung = (agoMs: number) => running(agoMs, { key: 'hung' });
  const BLOCKING = { state: 'stuck', stuck: { why: 'blocking', observed: { run: { key: 'hung' } } } };
  const RUNNING = { state: 'running', stuck: null };

  test('is stuck after five times the longest of the last successes, not before', () => {
    expect(judged(...usual, hung(5 * HOUR), skipped(MINUTE))).toMatchObject(RUNNING);
    expect(judged(...usual, hung(5 * HOUR + 1), skipped(MINUTE))).toMatchObject(BLOCKING);
  });

  test('is stuck after an hour at the earliest, however short it usually is', () => {
    const short = over(2 * DAY, { tookMs: 20 });
    expect(judged(short, hung(HOUR), skipped(MINUTE))).toMatchObject(RUNNING);
    expect(judged(short, hung(HOUR + 1), skipped(MINUTE))).toMatchObject(BLOCKING);
  });

  test('is stuck after a day if no run has succeeded yet, so that its usual duration is unknown', () => {
    const wretched = failed(30 * DAY, { tookMs: 1 });
    expect(judged(wretched, hung(DAY), skipped(MINUTE))).toMatchObject({ stuck: null });
    expect(judged(wretched, hung(DAY + 1), skipped(MINUTE))).toMatchObject(BLOCKING);
    expect(judged(hung(DAY + 1), skipped(MINUTE))).toMatchObject(BLOCKING);
  });

  test('is not stuck while it keeps nobody out', () => {
    expect(judged(...usual, hung(365 * DAY))).toMatchObject(RUNNING);
    // Skipped before it began: another run was in the way.
    expect(judged(...usual, skipped(11 * HOUR), hung(10 * HOUR))).toMatchObject(RUNNING);
  });

  test('keeps out who waits, and who gave up, too', () => {
    expect(judged(...usual, hung(6 * HOUR), waiting(MINUTE))).toMatchObject(BLOCKING);
    const gaveUp = over(MINUTE, { outcome: 'gave-up', waitedMs: null, tookMs: null, by: 'hung' });
    expect(judged(...usual, hung(6 * HOUR), gaveUp)).toMatchObject(BLOCKING);
  });

  test('keeps them out by its record also where the clock was set back since', () => {
    expect(judged(...usual, skipped(7 * HOUR, { by: 'hung' }), hung(6 * HOUR))).toMatchObject(BLOCKING);
  });

  test('is judged by its timeout alone, if it has one', () => {
    const limited = running(10 * HOUR, { key: 'hung', plan: { timeoutMs: DAY } });
    expect(judged(...usual, limited, skipped(MINUTE))).toMatchObject(RUNNING);
  });

  test('is found among others with permits, whichever of them the skipped run names', () => {
    const plan = { permits: 2 };
    const other = running(2 * MINUTE, { key: 'other', plan });
    expect(judged(...usual, hung(6 * HOUR), other, skipped(MINUTE, { by: 'other', plan }))).toMatchObject(BLOCKING);
  });
});

describe('a job whose lock somebody else has', () => {
  test('is stuck once its runs were skipped for a day, and no run of it has the lock', () => {
    const since = (agoMs: number) => ({ skips: { count: 288, since: NOW - agoMs } });
    expect(judged(over(3 * DAY), skipped(MINUTE, since(DAY + MINUTE)))).toMatchObject({
      state: 'stuck',
      stuck: { why: 'blocked' },
      skips: { count: 288 },
    });
    expect(judged(over(3 * DAY), skipped(MINUTE, since(DAY)))).toMatchObject({ state: 'ok', stuck: null });
    // The row has not grown since it was three minutes long.
    expect(judged(over(9 * DAY), skipped(8 * DAY, since(8 * DAY + 3 * MINUTE)))).toMatchObject({ stuck: null });
  });
});

describe('the skips in a row', () => {
  test('are counted back to the last run that got its turn, and from the record of the oldest that is kept', () => {
    const row = judged(over(HOUR), skipped(30 * MINUTE, { skips: { count: 50, since: 7 } }), skipped(MINUTE)).skips;
    expect(row).toEqual({ count: 51, since: 7 });
    expect(judged(skipped(DAY), over(HOUR), skipped(MINUTE)).skips).toEqual({ count: 1, since: NOW - MINUTE });
    expect(judged(skipped(HOUR), running(MINUTE)).skips).toBeNull();
    expect(judged(over(MINUTE)).skips).toBeNull();
  });

  test('go on over runs that did not ask for the lock, or did not get it', () => {
    const idle = { waitedMs: null, tookMs: null };
    const between = [over(2 * MINUTE, { outcome: 'not-due', ...idle }), waiting(30_000)];
    expect(judged(over(HOUR), skipped(3 * MINUTE), ...between, skipped(MINUTE)).skips?.count).toBe(2);
  });
});

describe('an unreadable record', () => {
  test('makes a job unknown if it is its newest record, or all of them', () => {
    const unread = { at: NOW - MINUTE, problem: 'its record is damaged' };
    expect(judged(unread)).toMatchObject({ state: 'unknown', problem: 'its record is damaged', last: null });
    expect(judged(unread, over(HOUR))).toMatchObject({
      state: 'unknown',
      problem: 'its newest run is unreadable: its record is damaged',
      last: { run: { ended: { outcome: 'succeeded' } } },
    });
    expect(judged(unread, failed(HOUR))).toMatchObject({ state: 'failed' });
  });

  test('is of no matter once a newer run can be read', () => {
    expect(judged({ at: NOW - HOUR, problem: 'p' }, over(MINUTE))).toMatchObject({ state: 'ok', problem: null });
  });
});

describe('enough', () => {
  test('is known of a job once no older run that is over can change the verdict', () => {
    const outcome = fc.constantFrom(...OUTCOMES, 'lost', 'unread');
    const expectation = fc.constantFrom(null, 'every 1h', '@daily');
    fc.assert(
      fc.property(fc.array(outcome, { minLength: 1, maxLength: 80 }), expectation, (outcomes, expect_) => {
        const readings = outcomes.map((what, at): RunReading => {
          const agoMs = (at - 2) * 10 * MINUTE;
          if (what === 'unread') return { at: NOW - agoMs, problem: 'p' };
          return what === 'lost'
            ? lost(agoMs)
            : over(agoMs, { outcome: what, plan: { expect: expect_ }, tookMs: at * 1_000 });
        });
        const judge = new JobJudge(NOW);
        for (const reading of readings) if (!judge.hasEnough(false)) judge.add(reading);
        expect(judge.verdict()).toEqual(judgeJob(readings, NOW));
      }),
    );
  });

  test('is one success that lists those before it, as far as durations go', () => {
    const length = { minLength: 1, maxLength: 60 };
    const run = fc.record({
      outcome: fc.constantFrom(...OUTCOMES),
      tookMs: fc.integer({ min: 0, max: 99_999 }),
      isListing: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(run, length), (wishes) => {
        const plain = wishes.map(({ outcome, tookMs }, at) => over(at * HOUR, { outcome, tookMs }));
        const listing = plain.map(({ run, ...rest }, at) => {
          const older = {
            *each() {
              yield* plain.slice(at + 1).map((observed) => observed.run);
            },
          };
          const earlierMs = wishes[at]?.isListing && run.ended?.outcome === 'succeeded' && durationsBefore(older, 'n');
          return { ...rest, run: { ...run, ended: run.ended && { ...run.ended, ...(earlierMs && { earlierMs }) } } };
        });
        const judge = new JobJudge(NOW);
        for (const reading of listing) if (!judge.hasEnough(false)) judge.add(reading);
        const { typicalMs, longestMs } = judgeJob(plain, NOW);
        expect(judge.verdict()).toMatchObject({ typicalMs, longestMs });
        expect(judgeJob(listing, NOW)).toMatchObject({ typicalMs, longestMs });
      }),
    );
  });

  test('is not one success while a run may go on that kept others out before it', () => {
    const plan = { permits: 2 };
    const hung = running(30 * DAY, { plan, key: 'hung' });
    const readings = [over(HOUR, { plan, earlierMs: [1_000] }), skipped(2 * HOUR, { by: 'hung' }), hung];
    const judge = new JobJudge(NOW);
    for (const reading of readings) if (reading === hung || !judge.hasEnough(true)) judge.add(reading);
    expect(judge.verdict().stuck).toMatchObject({ why: 'blocking' });
  });

  test('is reached by a healthy job after its last 20 successes where none lists those before it', () => {
    const judge = new JobJudge(NOW);
    let looks = 0;
    for (; !judge.hasEnough(false); looks++) judge.add(over(looks * HOUR));
    expect(looks).toBe(20);
  });
});

test('an expectation that is due only once more makes nothing stuck', () => {
  const expectation = {
    text: '',
    isInterval: false,
    defaultGraceMs: 0,
    dueAfter: (ms: number) => {
      if (ms === Infinity) throw new RangeError('there is no such moment');
      return Infinity;
    },
  };
  expect(whyStuck(running(DAY), { expectation, longestMs: null, keepsOthersOut: false }, NOW)).toBeNull();
});

test('no times that a record can have break the verdict', () => {
  const time = fc.oneof(fc.constantFrom(0, 1, NOW, 8.64e15), fc.double({ min: 0, max: 8.64e15, noNaN: true }));
  const expectation = fc.constantFrom(null, 'every 1s', 'every 10000y', '@yearly', '0 0 29 2 *', '\0');
  fc.assert(
    fc.property(time, time, expectation, fc.boolean(), (at, tookMs, expect_, isOver) => {
      const run = runAt(at, { plan: { expect: expect_ }, tookMs, outcome: isOver ? 'succeeded' : null });
      const verdict = judgeJob([seen(run, { state: isOver ? 'ended' : 'running' })], NOW);
      expect(verdict.due?.at ?? 0).not.toBeNaN();
    }),
  );
});
