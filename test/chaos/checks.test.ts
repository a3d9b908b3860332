import { expect, test } from 'vitest';
import { type Document, documentIn, documentOf, flawOf } from '../../chaos/document.ts';
import { checkDocument, leftBehind } from '../../chaos/document-check.ts';
import { BARRIER, type Section } from '../../chaos/scenery.ts';
import { SectionCheck } from '../../chaos/section-check.ts';
import type { TraceLine } from '../../chaos/trace.ts';
import { checkMeetings, checkUpdates } from '../../chaos/update-check.ts';

const LOCK: Section = { name: 'lock', kind: 'lock', permits: 1 };
const SEMAPHORE: Section = { name: 'semaphore', kind: 'semaphore', permits: 3 };
const RWLOCK: Section = { name: 'rwlock', kind: 'rwlock', permits: 1 };

/** `enter A 5 1 0`: who, token, permits, counter. `exit A 5 1`: who, token, counter. */
function check(section: Section, ...lines: string[]): Pick<SectionCheck, 'cycles' | 'overlaps' | 'lost'> {
  const trace = lines.map((line) => {
    const [what, who, ...numbers] = line.split(' ');
    return [what, who, ...numbers.map(Number)] as TraceLine;
  });
  const { cycles, overlaps, lost } = new SectionCheck(section, trace);
  return { cycles, overlaps, lost };
}

test('one after another is right', () => {
  const trace = ['enter A 5 1 0', 'exit A 5 1', 'enter B 6 1 1', 'exit B 6 2', 'enter A 7 1 2', 'exit A 7 3'];
  expect(check(LOCK, ...trace)).toEqual({ cycles: 3, overlaps: 0, lost: 0 });
});

test('two at once in a section for one are an overlap', () => {
  expect(check(LOCK, 'enter A 5 1 0', 'enter B 6 1 0', 'exit A 5 1', 'exit B 6 1').overlaps).toBe(1);
});

test('who was killed inside is followed by another, whether it had written or not', () => {
  expect(check(LOCK, 'enter A 5 1 0', 'enter B 6 1 0', 'exit B 6 1')).toEqual({ cycles: 1, overlaps: 0, lost: 0 });
  expect(check(LOCK, 'enter A 5 1 0', 'enter B 6 1 1', 'exit B 6 2')).toEqual({ cycles: 1, overlaps: 0, lost: 0 });
});

test('who comes back after its section was taken for left is an overlap', () => {
  const trace = ['enter A 5 1 0', 'enter B 6 1 0', 'exit B 6 1', 'enter A 7 1 1', 'exit A 7 2'];
  expect(check(LOCK, ...trace).overlaps).toBe(1);
});

test('a token that is not greater than that of who was in before is reported', () => {
  expect(check(LOCK, 'enter A 6 1 0', 'exit A 6 1', 'enter B 5 1 1', 'exit B 5 2').overlaps).toBe(1);
  expect(check(LOCK, 'enter A 6 1 0', 'exit A 6 1', 'enter B 6 1 1', 'exit B 6 2').overlaps).toBe(1);
});

test('a counter that went back, or twice up, is an update lost', () => {
  expect(check(LOCK, 'enter A 5 1 0', 'exit A 5 1', 'enter B 6 1 0', 'exit B 6 1').lost).toBe(1);
  expect(check(LOCK, 'enter A 5 1 0', 'exit A 5 1', 'enter B 6 1 2', 'exit B 6 3').lost).toBe(1);
});

test('what a marker reported at the time is counted', () => {
  expect(check(LOCK, 'overlap B 6 4711')).toEqual({ cycles: 0, overlaps: 1, lost: 0 });
  expect(check(RWLOCK, 'torn B 6 1 2')).toEqual({ cycles: 0, overlaps: 1, lost: 0 });
});

test('permits add up', () => {
  expect(check(SEMAPHORE, 'enter A 5 2 0', 'enter B 6 1 0', 'exit B 6 0', 'exit A 5 0').overlaps).toBe(0);
  expect(check(SEMAPHORE, 'enter A 5 2 0', 'enter B 6 2 0', 'exit B 6 0', 'exit A 5 0').overlaps).toBe(1);
});

test('those who may be in together may enter in another order than they were granted', () => {
  expect(check(SEMAPHORE, 'enter B 6 1 0', 'enter A 5 1 0', 'exit B 6 0', 'exit A 5 0').overlaps).toBe(0);
  expect(check(SEMAPHORE, 'enter C 7 3 0', 'exit C 7 1', 'enter A 5 1 1', 'exit A 5 1').overlaps).toBe(1);
});

test('readers are in together, and none beside a writer', () => {
  expect(check(RWLOCK, 'enter A 5 0 0', 'enter B 6 0 0', 'exit A 5 0', 'exit B 6 0').overlaps).toBe(0);
  expect(check(RWLOCK, 'enter A 5 0 0', 'enter B 6 1 0', 'exit A 5 0', 'exit B 6 1').overlaps).toBe(1);
  expect(check(RWLOCK, 'enter A 5 1 0', 'enter B 6 0 0', 'exit A 5 1', 'exit B 6 0').overlaps).toBe(1);
});

test('a number is no less than what was acknowledged, and no more than that and what is uncertain', () => {
  const trace: TraceLine[] = [
    ['try', 'A', 1],
    ['done', 'A', 1, 1],
    ['try', 'B', 1],
    ['try', 'A', 2],
    ['undone', 'A', 2],
  ];
  expect(checkUpdates('n', trace, 1).lost).toBe(0);
  expect(checkUpdates('n', trace, 2).lost).toBe(0);
  expect(checkUpdates('n', trace, 0).lost).toBe(1);
  expect(checkUpdates('n', trace, 3).lost).toBe(1);
  expect(checkUpdates('n', [...trace, ['done', 'B', 1, 1]], 2).lost).toBe(1);
});

test('a document has hundreds of KB, its length changes with each update, and it is whole', () => {
  const lengths = Array.from({ length: 20 }, (_, count) => JSON.stringify(documentOf(count)).length);
  for (const length of lengths) {
    expect(length).toBeGreaterThan(200_000);
    expect(length).toBeLessThan(600_000);
  }
  expect(new Set(lengths).size).toBe(20);
  expect(documentIn(JSON.stringify(documentOf(7)))).toEqual(documentOf(7));
});

test('a part of a document is found out, whether it is JSON or not, and wherever it was cut or mixed', () => {
  const whole = documentOf(3);
  const text = JSON.stringify(whole);
  for (const length of [0, 1, 20, 4096, 65_536, text.length - 1])
    expect(documentIn(text.slice(0, length))).toMatch(/not JSON/);
  expect(documentIn(text + text.slice(-10))).toMatch(/not JSON/);
  const flawed: unknown[] = [
    null,
    {},
    { count: 3 },
    { ...whole, rows: whole.rows.slice(1) },
    { ...whole, rows: [] },
    { ...whole, count: 4 },
    { ...whole, sum: undefined },
    { ...documentOf(4), rows: whole.rows },
  ];
  for (const value of flawed) expect(flawOf(value), JSON.stringify(value)?.slice(0, 40)).not.toBeNull();
});

test('of a file its updates, its refusals and the readers who saw a part of it are counted', () => {
  const trace: TraceLine[] = [
    ['try', 'A', 1],
    ['done', 'A', 1, 1],
    ['try', 'B', 1],
    ['undone', 'B', 1],
    ['full', 'B', 1],
  ];
  const text = (count: number) => JSON.stringify(documentOf(count));
  expect(checkDocument('n', trace, text(1))).toMatchObject({ cycles: 1, lost: 0, refused: 1, torn: 0, details: [] });
  expect(checkDocument('n', trace, text(0))).toMatchObject({ lost: 1, torn: 0 });
  expect(checkDocument('n', trace, text(1).slice(0, 65_536))).toMatchObject({ lost: 1, torn: 1 });
  const fewer: Document = { ...documentOf(1), rows: ['x'] };
  expect(checkDocument('n', trace, JSON.stringify(fewer))).toMatchObject({ lost: 1, torn: 1 });
  const seen: TraceLine[] = [...trace, ['damaged', 'C', 4]];
  expect(checkDocument('n', seen, text(1))).toMatchObject({
    lost: 0,
    torn: 1,
    details: ['n: C read a part of a document in its operation 4'],
  });
});

test('whatever else is on the disk at the end was left behind', () => {
  const known = ['store', 'one.json'];
  expect(leftBehind(['store', 'one.json'], known)).toEqual([]);
  const drafts = ['one.json.123456', `.one.json.lockstep-${'0'.repeat(32)}`];
  expect(leftBehind(['store', ...drafts, 'one.json'], known)).toEqual(
    drafts.map((name) => `${name} was left on the disk`),
  );
});

test('nobody goes on at a barrier before all parties have come', () => {
  const arrive: TraceLine = ['arrive', 'A', 0];
  const met: TraceLine = ['met', 'A', 0, 0];
  expect(checkMeetings(BARRIER, [arrive, arrive, arrive, met, met, met]).overlaps).toBe(0);
  expect(checkMeetings(BARRIER, [arrive, arrive, met]).overlaps).toBe(1);
  expect(checkMeetings(BARRIER, [arrive, arrive, arrive, met, met, met, arrive, met]).overlaps).toBe(1);
});
