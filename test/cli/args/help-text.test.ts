import { describe, expect, test } from 'vitest';
import { verbOf } from '../../../cli/args/definition.ts';
import { helpWidth, programHelp, verbHelp, withRequired } from '../../../cli/args/help-text.ts';
import { COMMANDS, PROGRAM, VERBS } from '../../../cli/commands/index.ts';
import { widthOf } from '../../../cli/text/truncate.ts';

describe('the help of lockstep itself', () => {
  const help = programHelp(PROGRAM, 80);

  test('has every verb once, in a group', () => {
    const [, ...groups] = help.split(/^(?=Locks:|Jobs:|Inspect:|Other:|Options:)/m);
    expect(groups.map((group) => group.split(':', 1)[0])).toEqual(['Locks', 'Jobs', 'Inspect', 'Other', 'Options']);
    const verbs = groups
      .slice(0, 4)
      .map((group) => [...group.matchAll(/^ {2}lockstep (\S+)/gm)].map(([, verb]) => verb));
    expect(verbs.flat().sort()).toEqual([...VERBS].sort());
    expect(verbs[0]).toContain('run');
    expect(verbs[1]).toContain('job');
    expect(verbs[2]).toContain('status');
    expect(verbs[3]).toContain('help');
  });

  test('puts a verb of no group into the last one', () => {
    const groups = [['Locks', ['run']] as const, ['Other', ['help']] as const];
    expect(programHelp({ ...PROGRAM, groups }, 80)).toMatch(/^Other:\n[^:]*lockstep help[\s\S]*lockstep doctor/m);
  });

  test('shows as required what a verb needs', () => {
    expect(help).toMatch(/^ {2}lockstep run <NAME> {2,}Run a command/m);
    expect(help).toMatch(/^ {2}lockstep status \[NAME…\] {2,}/m);
    expect(help).toMatch(/^ {2}lockstep timeline \[NAME…\] -o <FILE>$/m);
  });
});

test.each([
  ['lockstep run NAME [options] -- CMD [ARG…]', 'lockstep run <NAME> [options] -- <CMD> [ARG…]'],
  ['lockstep counter NAME [+N|-N]', 'lockstep counter <NAME> [+N|-N]'],
  ['lockstep edit FILE.json [options] -- FILTER [ARG…]', 'lockstep edit <FILE.json> [options] -- <FILTER> [ARG…]'],
  ['lockstep beat NAME [-- CMD [ARG…]]', 'lockstep beat <NAME> [-- CMD [ARG…]]'],
  ['lockstep forget NAME…', 'lockstep forget <NAME…>'],
  ['lockstep barrier NAME -p N', 'lockstep barrier <NAME> -p <N>'],
])('what stands in no brackets is required: %s', (synopsis, expected) => {
  expect(withRequired(synopsis)).toBe(expected);
});

test.each([
  [{ isTTY: true, columns: 72 }, 72],
  [{ isTTY: true, columns: 240 }, 100],
  [{ isTTY: true, columns: 12 }, 40],
  [{ isTTY: true, columns: 0 }, 80],
  [{ isTTY: false, columns: 0 }, 80],
])('it is as wide as the terminal, within bounds, and 80 wide in a pipe: %j', (stream, width) => {
  expect(helpWidth(stream)).toBe(width);
});

test.each([40, 64, 80, 100])('at %i columns no line is wider, but for a single word, an example or a term', (width) => {
  const verbs = COMMANDS.map(verbOf);
  for (const [help, usage] of [
    [programHelp(PROGRAM, width), ''],
    ...verbs.map(
      (verb) =>
        [verbHelp(verb, width), `${verb.text}\n${verb.examples.map((one) => `  ${one.line}`).join('\n')}`] as const,
    ),
  ] as const) {
    const wide = help.split('\n').filter((line) => widthOf(line) > width);
    // Lists that a usage has indented itself stay as they are, and so do examples.
    const isOwn = (line: string) => line.startsWith('  ') && usage.includes(line);
    expect(wide.filter((line) => !/^ *\S+$|^ {0,2}(lockstep|-|\S+=)/.test(line) && !isOwn(line))).toEqual([]);
  }
});

test('an option has its value, and its default, in a word', () => {
  const run = COMMANDS.find(({ command }) => String(command).startsWith('run '));
  const help = verbHelp(verbOf(run as (typeof COMMANDS)[number]), 100);
  expect(help).toMatch(/^ {2}-w, --wait <WAIT> {2,}Wait at most this long, then exit 75$/m);
  expect(help).toMatch(/^ {2}--take <TAKE> {2,}How many permits to take\. Default: 1$/m);
  expect(help).toMatch(/^ {2}<NAME> {2}The resource/m);
  expect(help).not.toMatch(/\[(string|boolean|number)\]/);
});
