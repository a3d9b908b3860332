import fc from 'fast-check';
import type { Action } from '../../lib/line/action.ts';

/** What is put into a queue: so few ids that a list of steps uses each again, and bounds that are reached. */
export const putActions: fc.Arbitrary<Action & { do: 'put' }> = fc.record({
  do: fc.constant('put' as const),
  text: fc.constantFrom('1', '"a"', '{"é":"\\\\"}', 'null'),
  bound: fc.constantFrom(1, 2, 3, 9, 65_536),
  id: fc.oneof(fc.constant(null), fc.constant(null), fc.constantFrom('a', 'b', 'c/é"\\')),
});
