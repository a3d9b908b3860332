import fc from 'fast-check';
import { expect, test } from 'vitest';
import { RecordTemplate } from '../../lib/journal/record-template.ts';

const number = fc.oneof(
  fc.nat(),
  fc.maxSafeNat(),
  fc.constantFrom(0, 9, 10, 99_999_999, 100_000_000, 1e15, 9e15, Number.MAX_SAFE_INTEGER),
  // Of a clock that has no whole microseconds: no reader takes it, but it must be that text.
  fc.double({ min: 0, max: 9e15, noNaN: true }),
);

test('a template with its numbers is the same bytes as the JSON, whatever the numbers before were', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(number, number, number), { minLength: 1, maxLength: 30 }),
      fc.string(),
      (all, label) => {
        const three = new RecordTemplate('["leave","k:', '",', ',', ']');
        const two = new RecordTemplate('["enter","k:', '",', `,${JSON.stringify(label)}]`);
        for (const [id, ticket, at] of all) {
          expect(textOf(three.fill(id, ticket, at))).toBe(`\n["leave","k:${id}",${ticket},${at}]`);
          expect(textOf(two.fill(id, at))).toBe(`\n${JSON.stringify(['enter', `k:${id}`, at, label])}`);
        }
      },
    ),
  );
});

function textOf({ bytes, length }: RecordTemplate): string {
  return bytes.toString('utf8', 0, length);
}
