import { expect, test } from 'vitest';
import { Excuses } from '../../chaos/etcd/excuses.ts';
import { FencedCheck } from '../../chaos/etcd/fenced-check.ts';
import type { RegisterLine } from '../../chaos/etcd/register.ts';
import type { Section } from '../../chaos/scenery.ts';

const LOCK: Section = { name: 'lock', kind: 'lock', permits: 1 };
const SEMAPHORE: Section = { name: 'semaphore', kind: 'semaphore', permits: 3 };
const RWLOCK: Section = { name: 'rwlock', kind: 'rwlock', permits: 1 };

/** Knows what was done to whom: from when, until when. */
class Known extends Excuses {
  readonly #stops: Record<string, [number, number]>;

  constructor(stops: Record<string, [number, number]>) {
    super();
    this.#stops = stops;
  }

  override has(life: string, _sinceMs: number, atMs: number): boolean {
    const [from, until] = this.#stops[life] ?? [1, 0];
    return from <= atMs && atMs <= until;
  }
}

/** `claim A 5 1 1000`: who, token, permits, time. `leave A 5 1000`, `lost A 5 1000`, `write A 5 1`: the value. */
function check(
  section: Section,
  lines: readonly (string | RegisterLine)[],
  stops: Record<string, [number, number]> = {},
) {
  const register = lines.map((line) => {
    if (typeof line !== 'string') return line;
    const [what, who, ...numbers] = line.split(' ');
    return [what, who, ...numbers.map(Number)] as RegisterLine;
  });
  const { cycles, overlaps, lost, excused, losses, marginMs, refusedWrites } = new FencedCheck(
    section,
    register,
    new Known(stops),
  );
  return { cycles, overlaps, lost, excused, losses, marginMs, refusedWrites };
}

test('one after another is right', () => {
  const lines = ['claim A 5 1 10', 'write A 5 1', 'leave A 5 20', 'claim B 6 1 30', 'write B 6 2', 'leave B 6 40'];
  expect(check(LOCK, lines)).toMatchObject({ cycles: 2, overlaps: 0, lost: 0, excused: 0 });
});

test('two at once are an overlap, unless the one with the smaller token learned of its loss before', () => {
  expect(check(LOCK, ['claim A 5 1 10', 'claim B 6 1 20', 'lost A 5 30', 'leave B 6 40']).overlaps).toBe(1);
  expect(check(LOCK, ['claim A 5 1 10', 'lost A 5 15', 'claim B 6 1 20', 'leave B 6 40'])).toMatchObject({
    overlaps: 0,
    losses: 1,
    marginMs: 5,
  });
});

test('one that was stopped when the next one came in is excused; the other one is not', () => {
  const lines = ['claim A 5 1 10', 'claim B 6 1 20', 'lost A 5 30', 'leave B 6 40'];
  expect(check(LOCK, lines, { A: [12, 28] })).toMatchObject({ overlaps: 0, excused: 1 });
  expect(check(LOCK, lines, { A: [22, 28] }).overlaps).toBe(1);
  expect(check(LOCK, lines, { B: [12, 28] }).overlaps).toBe(1);
});

test('what one writes with an outdated token is refused, and is no update', () => {
  const lines = ['claim A 5 1 10', 'claim B 6 1 20', 'write A 5 1', 'leave A 5 30', 'write B 6 1', 'leave B 6 40'];
  expect(check(LOCK, lines, { A: [12, 28] })).toMatchObject({ overlaps: 0, lost: 0, refusedWrites: 1 });
});

test('an update that was accepted, and is gone, is lost', () => {
  const lines = ['claim A 5 1 10', 'write A 5 1', 'leave A 5 20', 'claim B 6 1 30', 'write B 6 1', 'leave B 6 40'];
  expect(check(LOCK, lines).lost).toBe(1);
});

test('a token that is not greater than that of the one before is reported', () => {
  expect(check(LOCK, ['claim A 6 1 10', 'leave A 6 20', 'claim B 5 1 30', 'leave B 5 40']).overlaps).toBe(1);
  expect(check(LOCK, ['claim A 6 1 10', 'leave A 6 20', 'claim B 6 1 30', 'leave B 6 40']).overlaps).toBe(1);
  // It was stopped between its acquisition and its entry.
  expect(
    check(LOCK, ['claim A 6 1 10', 'leave A 6 20', 'claim B 5 1 30', 'leave B 5 40'], { B: [5, 30] }).overlaps,
  ).toBe(0);
});

test('one that was killed inside is followed by another; a marker shows whether it lived', () => {
  const dead: (string | RegisterLine)[] = ['claim A 5 1 10', 'claim B 6 1 20'];
  expect(check(LOCK, [...dead, 'leave B 6 40']).overlaps).toBe(0);
  expect(check(LOCK, [...dead, ['beside', 'B', 6, 1, [['A', 5, 1]]], 'leave B 6 40']).overlaps).toBe(1);
});

test('permits add up; readers are in together, and none beside a writer', () => {
  const ends = ['leave A 5 30', 'leave B 6 30'];
  expect(check(SEMAPHORE, ['claim A 5 2 10', 'claim B 6 1 20', ...ends]).overlaps).toBe(0);
  expect(check(SEMAPHORE, ['claim A 5 2 10', 'claim B 6 2 20', ...ends]).overlaps).toBe(1);
  expect(check(RWLOCK, ['claim A 5 0 10', 'claim B 6 0 20', ...ends]).overlaps).toBe(0);
  expect(check(RWLOCK, ['claim A 5 0 10', 'claim B 6 1 20', ...ends]).overlaps).toBe(1);
  expect(check(RWLOCK, ['claim A 5 1 10', 'claim B 6 0 20', ...ends]).overlaps).toBe(1);
});
