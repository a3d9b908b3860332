import { describe, expect, test } from 'vitest';
import { insertion, wordsOf } from '../../../../cli/commands/completion/typed-line.ts';

const BREAKS = ' \t\n"\'@><=;|&(:';

function texts(line: string): string[] {
  return wordsOf(line, BREAKS).map(({ text }) => text);
}

/** What the line is after the completion. */
function inserted(line: string, value: string): string | null {
  const word = wordsOf(line, BREAKS).at(-1);
  return word ? insertion(value, word) : null;
}

describe('a line as it was typed', () => {
  test.each([
    ['lockstep run de', ['lockstep', 'run', 'de']],
    ['lockstep run ', ['lockstep', 'run', '']],
    ['', ['']],
    ['a my\\ name', ['a', 'my name']],
    [`a "b c"'d e'f`, ['a', 'b cd ef']],
    ['a "b \\" \\x $c', ['a', 'b " \\x $c']],
    ["a 'b \\", ['a', 'b \\']],
    ['a $(rm x) `b`', ['a', '$', '(', 'rm', 'x', ')', '`b`']],
    ['a >b', ['a', '>', 'b']],
    ['a ""', ['a', '']],
    ['a b\\', ['a', 'b']],
  ])('%s: is cut where bash cuts it, and not expanded', (line, words) => {
    expect(texts(line)).toEqual(words);
  });
});

describe('what is inserted', () => {
  test.each([
    ['lockstep run my', 'my name', 'my\\ name'],
    ['lockstep run my\\ n', 'my name', 'my\\ name'],
    ['lockstep run "my', 'my $name', 'my \\$name'],
    ["lockstep run 'my", "my o'clock", "my o'\\''clock"],
    // bash replaces only what is behind the last colon, which it takes for the end of a word.
    ['lockstep run team:d', 'team:db', 'db'],
    ['lockstep run team\\:d', 'team:db', 'team:db'],
    ['lockstep run "team:d', 'team:db', 'team:db'],
    ['lockstep run "my "n', 'my name', 'name'],
    ['lockstep run ', '$(x)', '\\$\\(x\\)'],
    ['lockstep run ', '~', '\\~'],
  ])('%s|: completes to %s by %s', (line, value, text) => {
    expect(inserted(line, value)).toBe(text);
  });

  test('is nothing where the name begins in another way, or cannot be quoted', () => {
    expect(inserted('lockstep run x', 'deploy')).toBeNull();
    expect(inserted('lockstep run "a', 'a!b')).toBeNull();
    expect(inserted('lockstep run a', 'a!b')).toBe('a\\!b');
  });
});
