import { expect, test } from 'vitest';
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

test('a token that is not greater than that of who was in before is told', () => {
  expect(check(LOCK, 'enter A 6 1 0', 'exit A 6 1', 'enter B 5 1 1', 'exit B 5 2').overlaps).toBe(1);
  expect(check(LOCK, 'enter A 6 1 0', 'exit A 6 1', 'enter B 6 1 1', 'exit B 6 2').overlaps).toBe(1);
});

test('a counter that went back, or twice up, is an update lost', () => {
  expect(check(LOCK, 'enter A 5 1 0', 'exit A 5 1', 'enter B 6 1 0', 'exit B 6 1').lost).toBe(1);
  expect(check(LOCK, 'enter A 5 1 0', 'exit A 5 1', 'enter B 6 1 2', 'exit B 6 3').lost).toBe(1);
});

test('what a marker told at the time is counted', () => {
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

test('nobody goes on at a barrier before all parties have come', () => {
  const arrive: TraceLine = ['arrive', 'A', 0];
  const met: TraceLine = ['met', 'A', 0, 0];
  expect(checkMeetings(BARRIER, [arrive, arrive, arrive, met, met, met]).overlaps).toBe(0);
  expect(checkMeetings(BARRIER, [arrive, arrive, met]).overlaps).toBe(1);
  expect(checkMeetings(BARRIER, [arrive, arrive, arrive, met, met, met, arrive, met]).overlaps).toBe(1);
});
