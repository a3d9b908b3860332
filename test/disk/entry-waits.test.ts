import { expect, test } from 'vitest';
import type { DiskEntry } from '../../lib/disk/disk-entry.ts';
import { EntryWaits } from '../../lib/disk/entry-waits.ts';
import type { Entry } from '../../lib/line/entry.ts';
import type { Owner } from '../../lib/session/facts.ts';
import type { Judge } from '../../lib/session/liveness.ts';
import type { Presence } from '../../lib/session/session-file.ts';
import type { EntryState } from '../../lib/store/store.ts';

/** A clock whose timers fire when the test says so. */
class ManualClock {
  now = 0;
  readonly #timers = new Set<{ at: number; callback: () => void }>();

  wallMicros = () => this.now * 1_000;
  monotonicMs = () => this.now;
  sleep = () => undefined;
  timer = (ms: number, _keepAlive: boolean, callback: () => void) => {
    const timer = { at: this.now + ms, callback };
    this.#timers.add(timer);
    return () => void this.#timers.delete(timer);
  };

  /** Goes on to the next timer, unless it is later than this. False then. */
  next(by = Number.POSITIVE_INFINITY): boolean {
    const first = [...this.#timers].sort((a, b) => a.at - b.at)[0];
    if (!first || first.at > this.now + by || first.at === Number.POSITIVE_INFINITY) return false;
    this.#timers.delete(first);
    this.now = first.at;
    first.callback();
    return true;
  }
}

class FakeEntry {
  state: EntryState = 'waiting';
  readonly ticket: number;
  readonly #listeners = new Set<() => void>();

  constructor(ticket: number) {
    this.ticket = ticket;
  }

  listen(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  become(state: EntryState): void {
    this.state = state;
    for (const listener of [...this.#listeners]) listener();
  }
}

/** A line whose head is held by another session, and what one session's waits in it do. */
function line({ isReportable = true, headKey = 'other' } = {}) {
  const clock = new ManualClock();
  const seen = { reads: [] as number[], judged: [] as number[], stopped: 0 };
  const reports: Array<() => void> = [];
  let poke = () => undefined as undefined;
  const head = { ticket: 1, owners: [{ key: headKey, relieved: false } as Owner] };
  const resource = {
    refreshInPlace: () => void seen.reads.push(clock.now),
    expelDeadBefore: () => void seen.judged.push(clock.now),
    waitingBefore: () => 0,
    entriesBefore: () => 1,
    inFrontOf: () => [head as unknown as Entry],
    judgesAtOnce: true,
  };
  const presence = {
    isNotified: true,
    session: { key: 'ours' },
    listen: (listener: () => void) => {
      poke = listener as () => undefined;
      return () => undefined;
    },
  } as unknown as Presence;
  const judge = {
    watch: (_owner: Owner, onChange: () => void) => {
      if (!isReportable) return null;
      reports.push(onChange);
      return () => {
        seen.stopped += 1;
      };
    },
  } as unknown as Judge;
  const waits = new EntryWaits({ clock, presence, judge, resource });
  const wait = (entry: FakeEntry, timeoutMs = Number.POSITIVE_INFINITY) =>
    waits.changed(entry as unknown as DiskEntry, { timeoutMs, keepAlive: true });
  return { clock, seen, reports, head, wait, poke: () => poke() };
}

test('a poke is one look, however many tasks wait', async () => {
  const { seen, wait, poke } = line();
  const entries = Array.from({ length: 100 }, (_, at) => new FakeEntry(at + 2));
  const all = Promise.all(entries.map((entry) => wait(entry)));
  seen.reads.length = 0;
  poke();
  expect(seen.reads).toHaveLength(1);
  for (const entry of entries) entry.become('holding');
  await all;
});

test('a poll is one look and one judgement, however many tasks wait', async () => {
  const { clock, seen, wait } = line();
  const entries = Array.from({ length: 100 }, (_, at) => new FakeEntry(at + 2));
  const all = Promise.all(entries.map((entry) => wait(entry)));
  seen.reads.length = 0;
  clock.next();
  expect([seen.reads, seen.judged]).toEqual([[12], [12]]);
  for (const entry of entries) entry.become('holding');
  await all;
});

test('deaths are reported once the line has stood still for two polls, and then polls are rare', async () => {
  const { clock, seen, reports, wait } = line();
  const entry = new FakeEntry(2);
  const waiting = wait(entry);
  const watched: number[] = [];
  for (let poll = 0; poll < 4; poll++) {
    clock.next();
    watched.push(reports.length);
  }
  expect(watched).toEqual([0, 1, 1, 1]);
  expect(seen.judged).toEqual([12, 24, 524, 1_024]);
  entry.become('holding');
  await waiting;
  expect(seen.stopped).toBe(1);
});

test('no death is reported in a line that moves', async () => {
  const { clock, reports, head, wait } = line();
  const entry = new FakeEntry(1_000);
  const waiting = wait(entry);
  for (let poll = 0; poll < 20; poll++) {
    head.ticket += 1;
    clock.next();
  }
  expect(reports).toHaveLength(0);
  entry.become('holding');
  await waiting;
});

test('where deaths are not reported, every poll judges', async () => {
  const { clock, seen, wait } = line({ isReportable: false });
  const entry = new FakeEntry(2);
  const waiting = wait(entry);
  for (let poll = 0; poll < 4; poll++) clock.next();
  expect(seen.judged).toEqual([12, 24, 36, 48]);
  entry.become('holding');
  await waiting;
});

test('a report has the dead judged at once, and soon again: a process closes its files before it is gone', async () => {
  const { clock, seen, reports, wait } = line();
  const entry = new FakeEntry(2);
  const waiting = wait(entry);
  for (let poll = 0; poll < 3; poll++) clock.next();
  seen.judged.length = 0;
  clock.now = 600;
  reports[0]?.();
  for (let poll = 0; poll < 4; poll++) clock.next();
  expect(seen.judged.slice(0, 4)).toEqual([600, 601, 603, 607]);
  entry.become('holding');
  await waiting;
});

test('reports last from one call of `changed` to the next, and end with the entry', async () => {
  const { clock, seen, reports, wait } = line();
  const entry = new FakeEntry(2);
  for (const timeoutMs of [25, 100, 400]) {
    const waiting = wait(entry, timeoutMs);
    while (clock.next(timeoutMs));
    await waiting;
  }
  expect([reports.length, seen.stopped]).toEqual([1, 0]);
  entry.become('left');
  expect(seen.stopped).toBe(1);
});

test('a holder of our own session is not watched, and is polled rarely', async () => {
  const { clock, seen, reports, wait } = line({ headKey: 'ours' });
  const entry = new FakeEntry(2);
  const waiting = wait(entry);
  for (let poll = 0; poll < 3; poll++) clock.next();
  expect([reports.length, seen.judged]).toEqual([0, [12, 24, 524]]);
  entry.become('holding');
  await waiting;
});
