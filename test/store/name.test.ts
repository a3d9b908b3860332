import fc from 'fast-check';
import { expect, test } from 'vitest';
import { MisuseError } from '../../lib/errors.ts';
import { checkName, encodeName } from '../../lib/store/name.ts';

const legal = fc.string({ unit: 'binary', minLength: 1, maxLength: 200 }).filter((name) => {
  return !name.includes('\0') && name.isWellFormed() && Buffer.byteLength(name) <= 200;
});

test.each([
  ['deploy', 'deploy'],
  ['../x', '%2E.%2Fx'],
  ['.', '%2E'],
  ['..', '%2E.'],
  ['.hidden', '%2Ehidden'],
  ['a.b-c_D9', 'a.b-c_D9'],
  ['a/b', 'a%2Fb'],
  ['a b', 'a%20b'],
  ['100%', '100%25'],
  ['%2E', '%252E'],
  ['~', '%7E'],
  ['🎟', '%F0%9F%8E%9F'],
  ['ü', '%C3%BC'],
])('%j is a name, kept as %s', (name, encoded) => {
  expect(encodeName(name)).toBe(encoded);
});

test('200 bytes are a name, in whatever characters', () => {
  for (const name of ['x'.repeat(200), 'ü'.repeat(100), '🎟'.repeat(50), '%'.repeat(200)]) {
    expect(() => checkName(name)).not.toThrow();
    expect(encodeName(name).length).toBeLessThanOrEqual(255);
  }
});

test.each([
  ['an empty one', '', 'must not be empty'],
  ['201 bytes', 'x'.repeat(201), 'this one has 201'],
  ['201 bytes in fewer characters', `${'ü'.repeat(100)}x`, 'this one has 201'],
  ['a NUL', 'a\0b', 'NUL'],
  ['a lone surrogate', 'a\ud800', 'well-formed'],
  ['no string', 7 as unknown as string, 'must be a string, not number'],
  ['nothing at all', undefined as unknown as string, 'must be a string, not undefined'],
])('%s is refused as a name', (_, name, message) => {
  expect(() => checkName(name)).toThrow(MisuseError);
  expect(() => encodeName(name)).toThrow(message);
});

test('every name becomes one safe path segment', () => {
  fc.assert(
    fc.property(legal, (name) => {
      const encoded = encodeName(name);
      expect(encoded).toMatch(/^[A-Za-z0-9_%-][A-Za-z0-9._%~-]*$/);
      expect(encoded.length).toBeLessThanOrEqual(255);
    }),
    { numRuns: 1_000 },
  );
});

test('different names never become the same segment', () => {
  // Alike in all but little, and full of what has to be encoded.
  const tricky = fc.string({
    unit: fc.constantFrom('%', '2', 'E', '.', '/', '~', 'ü', 'a'),
    minLength: 1,
    maxLength: 90,
  });
  fc.assert(
    fc.property(fc.oneof(legal, tricky), fc.oneof(legal, tricky), (one, other) => {
      fc.pre(Buffer.byteLength(one) <= 200 && Buffer.byteLength(other) <= 200);
      expect(encodeName(one) === encodeName(other)).toBe(one === other);
    }),
    { numRuns: 1_000 },
  );
  const long = (end: string) => `${'/'.repeat(199)}${end}`;
  expect(encodeName(long('a'))).not.toBe(encodeName(long('b')));
});

test('a name that is not shortened can be read back from its segment', () => {
  fc.assert(
    fc.property(legal, (name) => {
      const encoded = encodeName(name);
      fc.pre(!encoded.includes('~'));
      expect(decodeURIComponent(encoded)).toBe(name);
    }),
  );
});
