import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { hasUnseen } from '../../../cli/text/escape.ts';
import { inShell } from '../../../cli/text/shell-word.ts';

test('a name that is copied into a shell is that name, whatever is in it', () => {
  const names = [
    'plain',
    '',
    'two words',
    '~',
    "it's",
    '-x',
    'é 日本',
    'a\nb',
    'safe\u202eyolped',
    "a'\\b\u2028\x1b$(touch pwned)\u{e0041}!~",
  ];
  for (const name of names) {
    const copied = inShell(name);
    expect(hasUnseen(copied)).toBe(false);
    expect(execFileSync('bash', ['--norc', '-c', `printf %s ${copied}`], { env: { LC_ALL: 'C' } }).toString()).toBe(
      name,
    );
  }
});
