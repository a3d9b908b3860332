import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { jsonText, shown, shownLines } from '../../../cli/text/escape.ts';

/** Written down here once more, so that the test does not believe what it tests. */
const CLASSES = [/\p{Cc}/u, /\p{Cf}/u, /\p{Cs}/u, /\p{Zl}/u, /\p{Zp}/u, /\p{Default_Ignorable_Code_Point}/u];
const CODES = Array.from({ length: 0x110000 }, (_, code) => code);
const isUnseen = (text: string) => CLASSES.some((one) => one.test(text));
const UNSEEN = CODES.map((code) => String.fromCodePoint(code)).filter(isUnseen);

const anyText = fc
  .array(fc.oneof(fc.constantFrom(...UNSEEN), fc.string({ unit: 'grapheme' }), fc.constantFrom('\\', '"', '\n')))
  .map((parts) => parts.join(''));

test('every character that is not seen, or that acts, is escaped, and every other one stays as it is', () => {
  // Among them those that everybody has heard of.
  for (const one of '\x00\x1b\x7f\x9b\u00ad\u061c\u200b\u200d\u200e\u2028\u2029\u202e\u2066\u2069\ufeff\ufe0f\u3164\ud800')
    expect(UNSEEN).toContain(one);
  for (const code of CODES) {
    const text = String.fromCodePoint(code);
    if (isUnseen(text)) expect(shown(text), code.toString(16)).toMatch(/^\\(x[0-9a-f]{2}|u\{[0-9a-f]+\})$/);
    else if (shown(text) !== text) expect.fail(`U+${code.toString(16)} is changed`);
  }
});

test('controls are escaped by their byte, all others by their code point', () => {
  expect(shown('a\x1b[31m\n\x85')).toBe('a\\x1b[31m\\x0a\\x85');
  expect(shown('safe\u202eyolped\u202c\u00ad\u{e0041}\ud800')).toBe(
    'safe\\u{202e}yolped\\u{202c}\\u{ad}\\u{e0041}\\u{d800}',
  );
  expect(shown('👩\u200d🚒 ❤\ufe0f')).toBe('👩\\u{200d}🚒 ❤\\u{fe0f}');
});

test('what was escaped once is not changed by being escaped again, and lines stay lines where that is wanted', () => {
  fc.assert(
    fc.property(anyText, (text) => {
      const once = shown(text);
      expect(isUnseen(once)).toBe(false);
      expect(shown(once)).toBe(once);
      expect(shownLines(text)).toBe(text.split('\n').map(shown).join('\n'));
    }),
  );
});

describe('as JSON', () => {
  test('any value has no character that is not seen, and is the same when it is parsed', () => {
    fc.assert(
      fc.property(fc.dictionary(anyText, fc.array(anyText)), fc.constantFrom(undefined, 2), (value, indent) => {
        const text = jsonText(value, indent);
        expect(isUnseen(text.replaceAll('\n', ''))).toBe(false);
        expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(value)));
        if (indent === undefined) expect(text).not.toContain('\n');
      }),
    );
  });

  test('each of these characters comes back as it was', () => {
    for (const one of UNSEEN) expect(JSON.parse(jsonText([one]))).toEqual([one]);
  });
});
