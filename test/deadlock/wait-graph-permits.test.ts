import { expect, test } from 'vitest';
import { Deadlocked, type Link } from '../../lib/deadlock/wait-graph.ts';
import type { EntryView, LineView } from '../../lib/store/store.ts';

// Circles of waits through a resource of several permits, in which a waiter that holds some of them may need its own,
// or somebody else's.

/** `[ticket, permits asked for, what it keeps]` */
type Sketch = [ticket: number, ask: number, keeps?: Array<[name: string, ticket: number]>];

function line(name: string, permits: number, sketches: Sketch[]): LineView {
  let sum = 0;
  const entries = sketches.map(([ticket, ask, keeps = []]): EntryView => {
    sum += ask;
    const held = keeps.map(([of, at]) => ({ name: of, ticket: at }));
    return {
      ticket,
      token: sum > permits ? 0 : ticket,
      state: sum > permits ? 'waiting' : 'holding',
      ask,
      label: '',
      since: 0,
      ours: false,
      owners: [{ session: `s${ticket}`, pid: ticket, host: 'h', place: 'here', gone: null }],
      keeps: { held, waits: 1 },
      stale: false,
    };
  });
  return { name, kind: permits === 1 ? 'lock' : 'semaphore', permits, value: 0, revision: 0, entries };
}

function circle(lines: LineView[], name: string, ticket: number): number[] | null {
  return new Deadlocked(lines).cycleOf(name, ticket)?.map(({ entry }: Link) => entry.ticket) ?? null;
}

test('two that have half of the permits each and want one more are in one circle, so that one of them gives up', () => {
  const lines = [
    line('p', 2, [
      [1, 1],
      [2, 1],
      [3, 1, [['p', 1]]],
      [4, 1, [['p', 2]]],
    ]),
  ];
  expect(circle(lines, 'p', 3)).toEqual([3, 4]);
  expect(circle(lines, 'p', 4)).toEqual([4, 3]);
});

test('who has all the permits that it lacks waits for itself, whoever else is stuck behind it', () => {
  const lines = [
    line('p', 2, [
      [1, 1],
      [2, 1],
      [
        3,
        1,
        [
          ['p', 1],
          ['p', 2],
        ],
      ],
      [4, 1],
    ]),
  ];
  expect(circle(lines, 'p', 3)).toEqual([3]);
  expect(circle(lines, 'p', 4)).toBeNull();
});

test('who would fit beside what it has, but stands behind a wait for that, waits for itself', () => {
  const lines = [
    line('p', 4, [
      [1, 3],
      [2, 2],
      [3, 1, [['p', 1]]],
    ]),
  ];
  expect(circle(lines, 'p', 3)).toEqual([3]);
});

test('who only lacks a permit that is stuck in a circle of others is in no circle itself', () => {
  // 3 has one of the permits and wants another, which is kept by 5; 5 and 7 are in each other's way.
  const lines = [
    line('p', 2, [
      [1, 1],
      [2, 1],
      [3, 1, [['p', 1]]],
    ]),
    line('a', 1, [
      [4, 1],
      [
        5,
        1,
        [
          ['p', 2],
          ['b', 6],
        ],
      ],
    ]),
    line('b', 1, [
      [6, 1],
      [7, 1, [['a', 4]]],
    ]),
  ];
  expect(new Deadlocked(lines).hasTicket('p', 3)).toBe(true);
  expect(circle(lines, 'p', 3)).toBeNull();
  expect(circle(lines, 'a', 5)).toEqual([5, 7]);
  expect(circle(lines, 'b', 7)).toEqual([7, 5]);
});
