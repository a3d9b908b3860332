import { describe, expect, test } from 'vitest';
import { verbOf } from '../../../cli/args/definition.ts';
import { typedWords } from '../../../cli/args/typed-words.ts';
import { verbIn } from '../../../cli/args/verbs.ts';
import { COMMANDS } from '../../../cli/commands/index.ts';
import { UsageError } from '../../../cli/output/exit.ts';

function typed(verb: string, own: string[], command: string[] | null = null, takesCommand = true): string[] {
  const definition = verbOf(COMMANDS.find((one) => verbIn(one) === verb) as never);
  return typedWords({ own, command }, definition, takesCommand);
}

describe('words become what yargs reads the same way as getopt:', () => {
  test.each([
    ['run', '-w5m', '--wait=5m'],
    ['run', '-w=5m', '--wait=5m'],
    ['run', '-nqw5m', '-nq --wait=5m'],
    ['run', '-nqw 5m', '-nq -w 5m'],
    ['run', '-nq', '-nq'],
    ['run', '-p4 -t10m -E9', '--permits=4 --timeout=10m --conflict-exit-code=9'],
    ['run', '-fa.json', '--file=a.json'],
    ['run', '-w -n', '-w -n'],
    ['run', '--wait -w5m', '--wait -w5m'],
    ['run', '--wait=5m', '--wait=5m'],
    ['run', '-z5', '-z5'],
    ['run', '--frob x y z', '--frob x y z'],
    ['history', 'n -n5', 'n --number=5'],
    ['counter', 'n -5', 'n -5'],
    ['counter', 'n +5', 'n +5'],
    ['timeline', '-o -', '-o -'],
    ['with', '-dserver', '--daemon=server'],
    ['acquire', 'n --pid', 'n --pid=caller'],
    ['acquire', '--pid n', '--pid=caller n'],
    ['acquire', 'n --pid -w5m', 'n --pid=caller --wait=5m'],
    ['acquire', '--pid 42 n', '--pid 42 n'],
    ['acquire', 'n --pid me', 'n --pid me'],
    ['acquire', 'n --pid=42', 'n --pid=42'],
    ['status', 'a b c --json', 'a b c --json'],
  ])('%s %s', (verb, given, expected) => {
    expect(typed(verb, given.split(' '))).toEqual(expected.split(' '));
  });

  test('a value that is empty stays one', () => {
    expect(typed('acquire', ['n', '--pid', ''])).toEqual(['n', '--pid', '']);
  });
});

describe('a command without -- is refused, before its options are taken for ours:', () => {
  test.each([
    ['run', 'backup df -h', 'lockstep run … -- df -h'],
    ['run', '-n backup ./x --version', 'lockstep run … -- ./x --version'],
    ['job', "backup sh -c 'a;b'", "lockstep job … -- sh -c ''\\''a;b'\\'''"],
    ['with', 'make', 'lockstep with … -- make'],
    ['beat', 'n ./x', 'lockstep beat … -- ./x'],
  ])('%s %s', (verb, given, expected) => {
    const call = () => typed(verb, given.split(' '));
    expect(call).toThrow(UsageError);
    expect(call).toThrow(`a command goes behind --, as in: ${expected}`);
  });

  test('but not where there is one, nor where help was asked for', () => {
    expect(() => typed('run', ['n', 'm'], ['true'])).toThrow('unexpected argument: m');
    expect(typed('run', ['-h', 'n', 'm'])).toEqual(['-h', 'n', 'm']);
    expect(typed('history', ['n', 'm'], null, false)).toEqual(['n', 'm']);
  });
});

test('a long option with one dash is refused, and no value of a short one', () => {
  expect(() => typed('run', ['n', '-wait', '5'])).toThrow('unknown option -wait: did you mean --wait?');
  expect(() => typed('run', ['n', '-nonblock'])).toThrow('unknown option -nonblock: did you mean --nonblock?');
});

test('a verb that has a meaning of its own for -h or -V keeps it, and has no other', () => {
  const { options } = verbOf({
    command: 'disk <name>',
    describe: '',
    builder: (argv) => argv.option('human', { alias: 'h', type: 'string' }),
    handler: () => undefined,
  });
  const spellings = options.map(({ name, aliases }) => [name, ...aliases]);
  expect(spellings).toEqual([['human', 'h'], ['help'], ['version', 'V']]);
});
