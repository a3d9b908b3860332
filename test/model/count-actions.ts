import fc from 'fast-check';
import type { CountAction } from '../../lib/line/action.ts';

const MOST = Number.MAX_SAFE_INTEGER;
/** So few that a list of steps uses each again. */
const id = fc.constantFrom('a', 'b', 'c', 'd/é"\\');
const n = fc.constantFrom(1, 1, 1, 2, 7, MOST);
const floor = fc.constantFrom(0, 0, 0, 3, -2, -MOST);
const generation = fc.constantFrom('g1', 'g2', 'g3');

const take = fc.oneof(
  { weight: 1, arbitrary: fc.record({ id: fc.constant(null), bound: fc.constant(null) }) },
  { weight: 2, arbitrary: fc.record({ id, bound: fc.constant(null) }) },
  { weight: 3, arbitrary: fc.record({ id, bound: fc.constantFrom(0, 1, 2, 9) }) },
);

/** What is done to a counter from which is sold. */
export const countActions: fc.Arbitrary<CountAction> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc
      .tuple(take, n, floor)
      .map(([how, many, least]) => ({ do: 'take' as const, n: many, floor: least, ...how })),
  },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('load' as const), n: fc.constantFrom(0, 1, 5, 5, MOST), id, generation }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('trim' as const), upTo: fc.constantFrom(0, 1, 2, 3, 9, MOST) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('rebuild' as const),
      left: fc.constantFrom(0, 4, -1),
      loaded: fc.constantFrom(0, 9),
      sequence: fc.constantFrom(0, 2, 5, 40),
      generation,
    }),
  },
);
