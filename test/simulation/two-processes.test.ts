import { describe, expect, it } from 'vitest';
import { explored, isFull, isLarge, TIMEOUT_MS } from './explored.ts';
import { contender, EVERY_RECORD, EVERY_SECOND_RECORD } from './programs.ts';

// What is checked after every step and at every end: see `Invariants`.

describe('every interleaving of two processes', () => {
  it(
    'loses, doubles and grants nothing twice: one round, a crash at any call, every record rotates',
    () => {
      const one = contender({ rounds: 1, rotateBytes: EVERY_RECORD });
      expect(explored({ programs: [one, one], crashes: 1 }).states).toBeGreaterThan(50_000);
    },
    TIMEOUT_MS,
  );

  it(
    'keeps its place in the store, looked up at every step: one round, a crash, every second record rotates',
    () => {
      const one = contender({ rounds: 1, rotateBytes: EVERY_SECOND_RECORD });
      expect(explored({ programs: [one, one], crashes: 1, tickMs: 1_000 }).states).toBeGreaterThan(10_000);
    },
    TIMEOUT_MS,
  );

  it(
    'refuses or grants a try, and nothing else: a crash at any call, every second record rotates',
    () => {
      const tries = contender({ rounds: isLarge ? 2 : 1, rotateBytes: EVERY_SECOND_RECORD, tries: true });
      expect(explored({ programs: [tries, tries], crashes: 1 }).states).toBeGreaterThan(10_000);
    },
    TIMEOUT_MS,
  );

  it.runIf(isLarge)(
    'loses, doubles and grants nothing twice: two rounds, a crash at any call, every second record rotates',
    () => {
      const two = contender({ rounds: 2, rotateBytes: EVERY_SECOND_RECORD });
      expect(explored({ programs: [two, two], crashes: 1 }).states).toBeGreaterThan(300_000);
    },
    TIMEOUT_MS,
  );

  it(
    'lets a thief in alone, and tells its victim: a crash, every second record rotates',
    () => {
      const rounds = isLarge ? 2 : 1;
      const victim = contender({ rounds, rotateBytes: EVERY_SECOND_RECORD });
      const thief = contender({ rounds, rotateBytes: EVERY_SECOND_RECORD, steals: true });
      expect(explored({ programs: [victim, thief], crashes: 1 }).states).toBeGreaterThan(10_000);
    },
    TIMEOUT_MS,
  );

  it.runIf(isFull)(
    'loses, doubles and grants nothing twice: two rounds, a crash at any call, every record rotates',
    () => {
      const two = contender({ rounds: 2, rotateBytes: EVERY_RECORD });
      expect(explored({ programs: [two, two], crashes: 1 }).states).toBeGreaterThan(1_000_000);
    },
    TIMEOUT_MS,
  );
});
