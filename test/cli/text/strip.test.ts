import { expect, test } from 'vitest';
import { hasUtf8, type Marks, stripOf } from '../../../cli/text/strip.ts';

const MARKS: Marks = [
  ['good', 1],
  ['bad', 1],
  ['skipped', 12],
  ['unknown', 1],
  ['ended', 1],
  ['skipped', 1],
  ['running', 1],
  ['waiting', 1],
];

test('a strip has a character for each mark, and says how many skips there were in a row', () => {
  expect(stripOf(MARKS, true)).toBe('✓✗·12?~·▸…');
});

test('where the locale is not UTF-8, all of it is ASCII, and as different', () => {
  const strip = stripOf(MARKS, false);
  expect(strip).toBe('+x.12?~.>:');
  expect(new Set(strip.replace(/[.\d]/g, '')).size).toBe(6);
});

test.each([
  [{ LANG: 'de_DE.UTF-8' }, true],
  [{ LANG: 'C.utf8' }, true],
  [{ LANG: 'C.UTF-8', LC_ALL: 'C' }, false],
  [{ LANG: 'C', LC_CTYPE: 'en_US.UTF-8' }, true],
  [{ LC_ALL: '', LANG: 'POSIX' }, false],
  [{}, false],
])('the locale is read as the C library reads it: %j', (env, expected) => {
  expect(hasUtf8(env)).toBe(expected);
});
