import { spawnSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import type { Block } from '../../../../cli/commands/man/block.ts';
import { roffOf } from '../../../../cli/commands/man/roff.ts';

const hasGroff = spawnSync('groff', ['--version']).error === undefined;

function page(...blocks: Block[]): string {
  return roffOf({ version: '1.2.3', blocks }, new Date(0));
}

/** What a reader sees of it, without the header and the footer. */
function rendered(roff: string): string {
  const { stdout, stderr } = spawnSync('groff', ['-man', '-ww', '-Tutf8', '-P-cbou'], {
    input: roff,
    encoding: 'utf8',
  });
  expect(stderr).toBe('');
  return stdout.split('\n').slice(1, -2).join('\n').trim();
}

const AWKWARD = [
  '.SH no heading',
  "'br no request",
  '\\fBno font\\fR',
  '--option -x',
  `quo"te's`,
  '~/.config',
  '^a`b',
  '…é☃’—',
  '\\',
];

describe.each(['paragraph', 'code'] as const)('a %s', (is) => {
  test.each(AWKWARD)('that says %s is no request, no escape, and no other character', (text) => {
    const roff = page({ is: 'section', text: 'A' }, { is, text });
    // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what is looked for
    expect(roff).toMatch(/^[\x00-\x7f]*$/);
    expect(roff.match(/^[.']/gm)).toHaveLength(is === 'code' ? 7 - 1 : 2);
    if (hasGroff) expect(rendered(roff)).toBe(`A\n${is === 'code' ? '           ' : '       '}${text}`);
  });
});

test('code that stands together is one block, and a section begins no empty paragraph', () => {
  expect(
    page(
      { is: 'section', text: 'A' },
      { is: 'code', text: 'x' },
      { is: 'code', text: 'y' },
      { is: 'paragraph', text: 'z' },
    ),
  ).toBe('.TH LOCKSTEP 1 "1970-01-01" "Lockstep 1.2.3" "User Commands"\n.SH "A"\n.RS 4\n.nf\nx\ny\n.fi\n.RE\n.PP\nz\n');
});
