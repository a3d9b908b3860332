import { describe, expect, test } from 'vitest';
import { type Crowd, victimsIn } from '../../../../cli/commands/job/victims.ts';
import type { EntryView } from '../../../../lib/index.ts';
import type { Run } from '../../../../lib/jobs/run.ts';
import type { ObservedRun } from '../../../../lib/jobs/run-log.ts';
import { ALIVE, runningSince } from '../../../support/recorded-run.ts';

const NOW = Date.UTC(2026, 10, 30, 12);

/** Of so many permits, all of them started before this run; each with its own pid. */
const [oldest, older, old] = [1, 2, 3].map((nth) =>
  runningSince(NOW - 10_000 + nth, { key: `run ${nth}`, facts: { ...ALIVE, pid: nth, tid: nth } }),
) as [Run, Run, Run];

function entry(pid: number, given: Partial<EntryView> = {}): EntryView {
  const owner = { session: `s${pid}`, pid, host: ALIVE.host, place: 'here', gone: null } as const;
  const place = { ticket: pid, token: pid, state: 'holding', ask: 1 } as const;
  const rest = { label: '', ours: false, keeps: { held: [], waits: 0 }, stale: false };
  return { ...place, ...rest, since: NOW - 5_000, owners: [owner], ...given };
}

function victims(given: Partial<Crowd>): string[] {
  const crowd = { permits: 2, runs: [], entries: [], isOlder: () => true, isOfEnded: () => false, ...given };
  return victimsIn(crowd).map(({ key }) => key);
}

const key = (run: Run) => run.key;
const seen = { state: 'running', orphaned: false, stopped: null, unseen: false } as const;
const alive = (run: Run): ObservedRun => ({ run, ...seen });
const orphaned = (run: Run): ObservedRun => ({ run, ...seen, orphaned: true });

describe('the runs that are to end', () => {
  test('are none where there is room', () => {
    expect(victims({})).toEqual([]);
    expect(victims({ runs: [oldest].map(alive), entries: [entry(1)] })).toEqual([]);
  });

  test('are the oldest, in whatever order they were read', () => {
    const entries = [entry(1), entry(2)];
    expect(victims({ runs: [older, oldest].map(alive), entries })).toEqual([oldest].map(key));
    expect(victims({ runs: [old, oldest, older].map(alive), entries })).toEqual([oldest, older].map(key));
    expect(victims({ permits: 1, runs: [oldest].map(alive), entries: [entry(1)] })).toEqual([oldest].map(key));
  });

  test('are one more for each newer run, which has a permit or waits for one, and is not asked itself', () => {
    const isOlder = (run: Run) => run !== old;
    expect(victims({ runs: [old, older, oldest].map(alive), isOlder })).toEqual([oldest, older].map(key));
    expect(victims({ runs: [old, older].map(alive), isOlder })).toEqual([older].map(key));
    expect(victims({ permits: 1, runs: [old].map(alive), isOlder })).toEqual([]);
  });

  test('are one more for each holder that cannot be asked', () => {
    expect(victims({ runs: [older].map(alive), entries: [entry(2), entry(9)] })).toEqual([older].map(key));
    expect(victims({ permits: 3, runs: [older].map(alive), entries: [entry(2), entry(9)] })).toEqual([]);
    expect(victims({ runs: [], entries: [entry(8), entry(9)] })).toEqual([]);
  });

  test('are as many more as a holder has permits that cannot be asked', () => {
    const runs = [older, oldest].map(alive);
    expect(victims({ permits: 4, runs, entries: [entry(9, { ask: 1 })] })).toEqual([]);
    expect(victims({ permits: 4, runs, entries: [entry(9, { ask: 2 })] })).toEqual([oldest].map(key));
    expect(victims({ permits: 4, runs, entries: [entry(9, { ask: 3 })] })).toEqual([oldest, older].map(key));
  });

  test('are one more for each command whose wrapper was killed, which nobody can end', () => {
    const entries = [entry(1), entry(2)];
    expect(victims({ runs: [orphaned(oldest), alive(older)], entries })).toEqual([older].map(key));
    expect(victims({ runs: [alive(oldest), alive(older)], entries })).toEqual([oldest].map(key));
    expect(victims({ permits: 1, runs: [orphaned(oldest)], entries: [entry(1)] })).toEqual([]);
  });

  test('are not more because of one that has ended and is about to release', () => {
    const entries = [entry(1), entry(2)];
    const isOfEnded = ({ ticket }: EntryView) => ticket === 1;
    expect(victims({ runs: [older].map(alive), entries, isOfEnded })).toEqual([]);
  });

  test('are not more because of a dead holder, whose permit is given to the next one', () => {
    expect(victims({ runs: [older].map(alive), entries: [entry(1, { stale: true }), entry(2)] })).toEqual([]);
  });

  test('are not more because of others that wait', () => {
    expect(victims({ runs: [older].map(alive), entries: [entry(2), entry(9, { state: 'waiting' })] })).toEqual([]);
  });
});
