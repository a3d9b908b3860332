import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Deadlocked, linesAround } from '../../lib/deadlock/wait-graph.ts';
import type { LineView } from '../../lib/store/store.ts';
import { line, type Sketch } from '../support/line-sketch.ts';

/** `3 waits for b, 4 waits for a`, and what each holds. */
function circle(lines: LineView[], name: string, ticket: number): string[] | null {
  const described = new Deadlocked(lines)
    .cycleOf(name, ticket)
    ?.map(({ entry, line: at, held }) => `${entry.ticket} waits for ${at.name} has ${held?.line.name ?? 'its place'}`);
  return described ?? null;
}

describe('a wait closes a circle', () => {
  test('with itself: it waits for what its own owner holds', () => {
    expect(circle([line('a', 1, [{ as: 1 }, { as: 2, keeps: [['a', 1]] }])], 'a', 2)).toEqual(['2 waits for a has a']);
  });

  test('of two, and each of them sees the other', () => {
    const a = line('a', 1, [{ as: 1 }, { as: 4, keeps: [['b', 2]] }]);
    const b = line('b', 1, [{ as: 2 }, { as: 3, keeps: [['a', 1]] }]);
    expect(circle([a, b], 'b', 3)).toEqual(['3 waits for b has a', '4 waits for a has b']);
    expect(circle([a, b], 'a', 4)).toEqual(['4 waits for a has b', '3 waits for b has a']);
  });

  test('of many', () => {
    const lines = Array.from({ length: 20 }, (_, at) =>
      line(`r${at}`, 1, [{ as: 100 + at }, { as: 200 + at, keeps: [[`r${(at + 1) % 20}`, 100 + ((at + 1) % 20)]] }]),
    );
    expect(circle(lines, 'r7', 207)).toHaveLength(20);
    expect(circle(lines.slice(1), 'r7', 207)).toBeNull();
  });

  test('through a waiter that only stands in the line before it', () => {
    // 1 and 3 share a; 2 wants it alone, so 3 waits behind 2; 1 waits for what 3 has.
    const a = line('a', 1, [{ as: 1, ask: 0 }, { as: 2 }, { as: 3, ask: 0, keeps: [['b', 5]] }]);
    const b = line('b', 1, [{ as: 5 }, { as: 6, keeps: [['a', 1]] }]);
    expect(circle([a, b], 'a', 3)).toEqual(['3 waits for a has b', '6 waits for b has a']);
  });

  test('by standing in line before one whose owner has what both wait for', () => {
    const a = line('a', 1, [{ as: 1 }, { as: 2 }, { as: 3, keeps: [['a', 1]] }]);
    expect(circle([a], 'a', 3)).toEqual(['3 waits for a has a']);
    expect(circle([a], 'a', 2)).toEqual(['2 waits for a has its place', '3 waits for a has a']);
  });

  test('by wanting alone what its owner shares', () => {
    const a = line('a', 1, [
      { as: 1, ask: 0 },
      { as: 2, ask: 0 },
      { as: 3, keeps: [['a', 1]] },
    ]);
    expect(circle([a], 'a', 3)).toEqual(['3 waits for a has a']);
  });

  test('of a semaphore, if all who hold it are in it', () => {
    const holders = [{ as: 1 }, { as: 2 }];
    const s = line('s', 2, [...holders, { as: 5, keeps: [['a', 3]] }]);
    const a = line('a', 1, [{ as: 3 }, { as: 6, keeps: [['s', 1]] }, { as: 7, keeps: [['s', 2]] }]);
    expect(circle([s, a], 's', 5)).toHaveLength(2);
  });
});

describe('no circle', () => {
  test('is closed by one who waits for somebody that does not wait', () => {
    expect(circle([line('a', 1, [{ as: 1 }, { as: 2 }])], 'a', 2)).toBeNull();
    const a = line('a', 1, [{ as: 1 }, { as: 4, keeps: [['b', 2]] }]);
    const b = line('b', 1, [{ as: 2 }, { as: 3 }]);
    expect(circle([a, b], 'b', 3)).toBeNull();
    expect(circle([a, b], 'a', 4)).toBeNull();
  });

  test('is one behind a knot: it waits forever, but nobody waits for it', () => {
    const a = line('a', 1, [{ as: 1 }, { as: 2, keeps: [['a', 1]] }, { as: 3, keeps: [['z', 9]] }]);
    expect(circle([a], 'a', 3)).toBeNull();
    expect(new Deadlocked([a]).hasTicket('a', 3)).toBe(true);
    expect(new Deadlocked([a]).hasTicket('a', 1)).toBe(true);
  });

  test('is there while one of those who hold a semaphore can go', () => {
    const s = line('s', 2, [{ as: 1 }, { as: 2 }, { as: 5, keeps: [['a', 3]] }]);
    const a = line('a', 1, [{ as: 3 }, { as: 6, keeps: [['s', 1]] }]);
    expect(circle([s, a], 's', 5)).toBeNull();
    // Nor if it wants fewer permits than will be left.
    const t = line('s', 3, [{ as: 1 }, { as: 2 }, { as: 4 }, { as: 5, ask: 2, keeps: [['a', 3]] }]);
    expect(circle([t, a], 's', 5)).toBeNull();
    const u = line('s', 3, [{ as: 1 }, { as: 2 }, { as: 4 }, { as: 5, ask: 3, keeps: [['a', 3]] }]);
    expect(circle([u, a], 's', 5)).toHaveLength(2);
  });

  test('is there while another wait of the same owner can end', () => {
    // The owner of a's holder waits in two places, and could give a back after either.
    const lines = (waits: number) => [
      line('a', 1, [{ as: 1 }, { as: 4, keeps: [['b', 2]] }]),
      line('b', 1, [{ as: 2 }, { as: 3, keeps: [['a', 1]], waits }]),
      line('c', 1, [{ as: 7 }, { as: 8, keeps: [['a', 1]], waits }]),
    ];
    expect(circle(lines(2), 'a', 4)).toBeNull();
    // Seen in one place only: the other may be anywhere.
    expect(circle(lines(2).slice(0, 2), 'a', 4)).toBeNull();
    expect(circle(lines(1).slice(0, 2), 'a', 4)).toHaveLength(2);
  });

  test('is there when one of the knot is dead', () => {
    const a = line('a', 1, [
      { as: 1, stale: true },
      { as: 2, keeps: [['a', 1]] },
    ]);
    expect(circle([a], 'a', 2)).toBeNull();
  });

  test('is seen where the ticket is another one than the one that was kept', () => {
    const a = line('a', 1, [{ as: 11 }, { as: 4, keeps: [['b', 2]] }]);
    const b = line('b', 1, [{ as: 2 }, { as: 3, keeps: [['a', 1]] }]);
    expect(circle([a, b], 'a', 4)).toBeNull();
  });

  test('runs through an event, a condition or a barrier: somebody may let them in', () => {
    for (const kind of ['event', 'condition', 'barrier', 'counter']) {
      const a = line('a', 1, [{ as: 1 }, { as: 2, keeps: [['a', 1]] }], kind);
      expect(circle([a], 'a', 2)).toBeNull();
    }
  });

  test('remains of one that is seen only now and was not before', () => {
    const before = new Deadlocked([line('a', 1, [{ as: 1 }, { as: 2 }])]);
    const now = new Deadlocked([line('a', 1, [{ as: 1 }, { as: 2, keeps: [['a', 1]] }])], before);
    expect(now.cycleOf('a', 2)).toBeNull();
  });
});

test('those who are inCycles, and what they hold, are marked; those behind them are not', () => {
  const a = line('a', 1, [{ as: 1 }, { as: 4, keeps: [['b', 2]] }, { as: 9 }]);
  const b = line('b', 1, [{ as: 2 }, { as: 3, keeps: [['a', 1]] }]);
  const c = line('c', 1, [{ as: 5 }, { as: 6 }]);
  expect([...new Deadlocked([a, b, c]).inCycles].map(({ ticket }) => ticket).sort()).toEqual([1, 2, 3, 4]);
});

test('a look goes from line to line along what is kept, each once, and not without end', () => {
  const lines = new Map(
    Array.from({ length: 1_000 }, (_, at) => [
      `r${at}`,
      line(`r${at}`, 1, [
        { as: 1 },
        {
          as: 2,
          keeps: [
            [`r${at + 1}`, 1],
            [`r${at}`, 1],
          ],
        },
      ]),
    ]),
  );
  const asked: string[] = [];
  const steps = linesAround(['r0', 'none']);
  let step = steps.next();
  while (!step.done) {
    asked.push(...step.value);
    step = steps.next(step.value.map((name) => lines.get(name) ?? null));
  }
  expect(asked.slice(0, 4)).toEqual(['r0', 'none', 'r1', 'r2']);
  expect(new Set(asked).size).toBe(asked.length);
  expect(step.value.length).toBeLessThan(300);
});

/** Lets everybody go who can, in the order of a schedule, one step at a time, until nobody can. */
function survivors(lines: LineView[]): Set<string> {
  const left = new Map(lines.map(({ name, permits, entries }) => [name, { permits, entries: [...entries] }]));
  const isHeld = (name: string, ticket: number) => {
    const { permits, entries } = left.get(name) ?? { permits: 0, entries: [] };
    let sum = 0;
    for (const entry of entries) {
      sum += entry.ask;
      if (sum > permits) return false;
      if (entry.ticket === ticket) return true;
    }
    return false;
  };
  const keepersOf = (name: string, ticket: number) =>
    lines.flatMap((at) =>
      at.entries
        .filter(({ keeps }) => keeps.held.some((kept) => kept.name === name && kept.ticket === ticket))
        .map((entry) => ({ at, entry })),
    );
  for (let moved = true; moved; ) {
    moved = false;
    for (const [name, { entries }] of left) {
      for (const entry of [...entries]) {
        if (!isHeld(name, entry.ticket)) continue;
        // It ends unless its owner is still waiting somewhere else.
        const stillWaits = keepersOf(name, entry.ticket).some(
          ({ at, entry: keeper }) => left.get(at.name)?.entries.includes(keeper) && !isHeld(at.name, keeper.ticket),
        );
        if (stillWaits) continue;
        entries.splice(entries.indexOf(entry), 1);
        moved = true;
      }
    }
  }
  return new Set([...left].flatMap(([name, { entries }]) => entries.map(({ ticket }) => `${name} ${ticket}`)));
}

test('whoever is stuck is exactly who is left when everybody who can has gone, in whatever order', () => {
  // Up to six flows, each with some leases and at most one wait: what a running system can come to.
  const flow = fc.record({ holds: fc.uniqueArray(fc.nat(3), { maxLength: 2 }), waitsFor: fc.option(fc.nat(3)) });
  const permits = fc.tuple(...[0, 1, 2, 3].map(() => fc.integer({ min: 1, max: 2 })));
  let knots = 0;
  fc.assert(
    fc.property(fc.array(flow, { minLength: 2, maxLength: 6 }), permits, (flows, counts) => {
      const sketches: Sketch[][] = [[], [], [], []];
      let tickets = 0;
      const held = flows.map(({ holds }) =>
        holds.flatMap((at): Array<[string, number]> => {
          if ((sketches[at]?.length ?? 0) >= (counts[at] ?? 0)) return [];
          tickets += 1;
          sketches[at]?.push({ as: tickets });
          return [[`r${at}`, tickets]];
        }),
      );
      flows.forEach(({ waitsFor }, at) => {
        if (waitsFor === null) return;
        tickets += 1;
        sketches[waitsFor]?.push({ as: tickets, keeps: held[at] ?? [] });
      });
      const lines = sketches.map((each, at) => line(`r${at}`, counts[at] ?? 1, each));
      const stuck = new Deadlocked(lines);
      const found = lines.flatMap(({ name, entries }) =>
        entries.filter((entry) => stuck.has(entry)).map(({ ticket }) => `${name} ${ticket}`),
      );
      expect(new Set(found)).toEqual(survivors(lines));
      // Where anybody is stuck, somebody closes a circle.
      if (found.length === 0) return;
      knots += 1;
      const circles = lines.flatMap(({ name, entries }) =>
        entries.flatMap((entry) => (entry.state === 'waiting' ? [stuck.cycleOf(name, entry.ticket)] : [])),
      );
      expect(circles.some((one) => one !== null)).toBe(true);
    }),
    { numRuns: 3_000 },
  );
  expect(knots).toBeGreaterThan(100);
});
