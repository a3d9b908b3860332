import { describe, expect, it } from 'vitest';
import { explored, isFull, isLarge, TIMEOUT_MS } from './explored.ts';
import { contender, EVERY_RECORD, EVERY_SECOND_RECORD } from './programs.ts';
import type { Call } from './sim-call.ts';

/** With three entries, or with two that have left: once in the six records of three processes. */
const IN_THE_MIDDLE = 120;
/** With the last leave, or with the eviction of the dead. */
const AT_THE_END = 170;
const NEVER = 10_000;

const isWrite = ({ op }: Call) => op === 'write';
const allOpen = [0, 1, 2].map((process) => ({ process, until: isWrite }));

// They are the same program, so what differs only in who is who is explored once.
describe('every interleaving of three processes', () => {
  it(
    'loses, doubles and grants nothing twice: from an empty directory, a crash at any call, no rotation',
    () => {
      const one = contender({ rounds: 1, rotateBytes: NEVER });
      const programs = [one, one, one];
      expect(explored({ programs, crashes: 1, isSymmetric: true }).states).toBeGreaterThan(50_000);
    },
    TIMEOUT_MS,
  );

  it.runIf(isLarge)(
    'loses, doubles and grants nothing twice: from an open journal, a crash at any call, rotation in the middle',
    () => {
      const one = contender({ rounds: 1, rotateBytes: IN_THE_MIDDLE });
      const options = { programs: [one, one, one], crashes: 1, isSymmetric: true, prelude: allOpen };
      expect(explored(options).states).toBeGreaterThan(10_000_000);
    },
    TIMEOUT_MS,
  );

  it(
    'turns no token back, when a thief overtakes a waiter: from an open journal, rotation in the middle',
    () => {
      const one = contender({ rounds: 1, rotateBytes: IN_THE_MIDDLE });
      const thief = contender({ rounds: 1, rotateBytes: IN_THE_MIDDLE, steals: true });
      const options = { programs: [one, one, thief], crashes: 0, switches: isLarge ? 4 : 2, prelude: allOpen };
      expect(explored(options).states).toBeGreaterThan(10_000);
    },
    TIMEOUT_MS,
  );

  it.runIf(isFull)(
    'loses, doubles and grants nothing twice: from an empty directory, a crash at any call, rotation at the end',
    () => {
      const one = contender({ rounds: 1, rotateBytes: AT_THE_END });
      const programs = [one, one, one];
      expect(explored({ programs, crashes: 1, isSymmetric: true }).states).toBeGreaterThan(10_000_000);
    },
    TIMEOUT_MS,
  );

  it.runIf(isFull)(
    'loses, doubles and grants nothing twice: from an empty directory, a crash at any call, rotation in the middle',
    () => {
      const one = contender({ rounds: 1, rotateBytes: IN_THE_MIDDLE });
      const programs = [one, one, one];
      expect(explored({ programs, crashes: 1, isSymmetric: true }).states).toBeGreaterThan(15_000_000);
    },
    TIMEOUT_MS,
  );

  it.runIf(isFull)(
    'refuses or grants a try, and nothing else: from an open journal, no crash, every second record rotates',
    () => {
      const tries = contender({ rounds: 1, rotateBytes: EVERY_SECOND_RECORD, tries: true });
      const options = { programs: [tries, tries, tries], crashes: 0, isSymmetric: true, prelude: allOpen };
      expect(explored(options).states).toBeGreaterThan(1_000_000);
    },
    TIMEOUT_MS,
  );
});

// Where rotation follows rotation, three are too many for every interleaving. Bounded by how often a process is
// put aside that could have gone on (waiting, ending and being killed cost nothing).
describe('three processes that rotate again and again', () => {
  it(
    'lose, double and grant nothing twice: one round, a crash at any call, put aside once at any call',
    () => {
      const one = contender({ rounds: 1, rotateBytes: EVERY_RECORD });
      expect(explored({ programs: [one, one, one], crashes: 1, switches: 1 }).states).toBeGreaterThan(100_000);
    },
    TIMEOUT_MS,
  );

  it(
    'lose, double and grant nothing twice: one round, no crash, put aside twice, every second record rotates',
    () => {
      const one = contender({ rounds: 1, rotateBytes: EVERY_SECOND_RECORD });
      expect(explored({ programs: [one, one, one], crashes: 0, switches: 2 }).states).toBeGreaterThan(50_000);
    },
    TIMEOUT_MS,
  );
});
