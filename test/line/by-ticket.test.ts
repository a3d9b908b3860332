import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ByTicket } from '../../lib/line/by-ticket.ts';

test('things are found by their tickets, in the order in which they were added, whether they are few or many', () => {
  const ticket = fc.integer({ min: 1, max: 24 }).map((number) => number * 2 ** 40);
  const step = fc.record({ ticket, isAdded: fc.boolean() });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const [found, expected] = [new ByTicket<{ ticket: number }>(), new Map<number, { ticket: number }>()];
      for (const { ticket: one, isAdded } of steps) {
        if (!isAdded) expect(found.delete(one)).toBe(expected.delete(one));
        else if (!expected.has(one)) {
          const added = { ticket: one };
          found.add(added);
          expected.set(one, added);
        }
        expect(found.size).toBe(expected.size);
        expect(found.all()).toEqual([...expected.values()]);
        for (let number = 1; number <= 24; number++)
          expect(found.get(number * 2 ** 40)).toBe(expected.get(number * 2 ** 40));
      }
    }),
  );
});
