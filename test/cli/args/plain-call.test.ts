import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { CommandModule } from 'yargs';
import { splitWords } from '../../../cli/args/argv.ts';
import { type OptionDefinition, verbOf } from '../../../cli/args/definition.ts';
import { type PlainValues, plainCall } from '../../../cli/args/plain-call.ts';
import { calledIn, verbIn } from '../../../cli/args/verbs.ts';
import { takesCommand, WITH_COMMAND } from '../../../cli/args/with-command.ts';
import { callByYargs } from '../../../cli/args/yargs-call.ts';
import { COMMANDS, PROGRAM } from '../../../cli/commands/index.ts';

/** The call as yargs reads it: what it gives to the verb, or null if it does not call the verb. */
async function byYargs(words: readonly string[]): Promise<PlainValues | null> {
  let values: PlainValues | null = null;
  const handler = (given: object) => {
    const { words: _words, program: _program, ...rest } = given as Record<string, unknown>;
    values = rest;
  };
  const commands = COMMANDS.map((command) => ({ ...command, handler })) as CommandModule[];
  await callByYargs(splitWords(words), { ...PROGRAM, commands }).catch(() => undefined);
  return values;
}

function plainly(words: readonly string[]): PlainValues | null {
  const { own, command } = splitWords(words);
  const { at, verb, definition } = calledIn(own, COMMANDS);
  if (at !== 0 || verb === 'help' || (command !== null && !WITH_COMMAND.includes(verb)) || !definition) return null;
  return plainCall({ own: own.slice(1), command }, definition, takesCommand(verb));
}

const VALUES = [
  ...['x', 'a b', '4', '0', '007', '1e3', '5m', '10s', '0x10', '1.5', '-1', '-', '', ' ', '+5', '=', 'a=b', '[', '{a}'],
  ...['"q"', "'q'", 'a"', '\\', 'é', 'true', 'false', 'null', 'h', 'help', 'run', 'set', 'wait', 'skip', 'replace'],
  ...['bash', 'lock', '__proto__', 'constructor', 'a.b', '9007199254740993', 'Infinity', 'NaN', '\n', 'x\ny', '$0'],
];

const anyValue = fc.oneof(fc.constantFrom(...VALUES), fc.string({ maxLength: 4 }));

/** Mostly words that fit. */
function fitting(choices: readonly string[], isNumber = false): fc.Arbitrary<string> {
  const good = choices.length > 0 ? choices : isNumber ? ['0', '4', '75'] : ['x', '5m', 'a b', 'a=b'];
  return fc.oneof({ weight: 4, arbitrary: fc.constantFrom(...good) }, anyValue);
}

/** An option in one of its spellings, with a value or without. */
function spelled({ name, aliases, takesValue, choices, isNumber }: OptionDefinition): fc.Arbitrary<string[]> {
  const spelling = fc.constantFrom(name, ...aliases).chain((one) => {
    const dashes = one.length === 1 ? '-' : '--';
    return fc.constantFrom(dashes, dashes, dashes, dashes, dashes, '--', '-').map((given) => `${given}${one}`);
  });
  const value = fitting(choices, isNumber);
  const alone = spelling.map((word) => [word]);
  const apart = fc.tuple(spelling, value).map(([word, text]) => [word, text]);
  const glued = fc
    .tuple(spelling, value, fc.constantFrom('=', ''))
    .map(([word, text, between]) => [`${word}${between}${text}`]);
  return takesValue
    ? fc.oneof({ weight: 4, arbitrary: apart }, { weight: 4, arbitrary: glued }, alone)
    : fc.oneof({ weight: 8, arbitrary: alone }, apart, glued);
}

/** The words of a call of any verb: mostly as it takes them. */
const calls = fc.constantFrom(...COMMANDS).chain((command) => {
  const { options, positionals } = verbOf(command);
  const builtIn = ['help', 'version'];
  const own = options.filter(({ name }) => !builtIn.includes(name));
  const letters = own.flatMap(({ aliases }) => aliases).filter((name) => name.length === 1);
  const bundle = fc
    .array(fc.constantFrom(...letters, 'z'), { minLength: 2, maxLength: 3 })
    .map((some) => [`-${some.join('')}`]);
  const option = fc.constantFrom(...(own.length > 0 ? own : options)).chain(spelled);
  const odd = fc.oneof(
    fc.constantFrom(...options).chain(spelled),
    bundle,
    anyValue.map((word) => [word]),
  );
  const places = positionals.map(({ choices, isNeeded }) =>
    fc
      .tuple(fitting(choices), fc.integer({ min: isNeeded ? -9 : -2, max: 0 }))
      .map(([word, missing]) => (missing === 0 ? [] : [word])),
  );
  const parts = fc
    .tuple(
      fc.tuple(...places).map((words) => words.flat().map((word) => [word])),
      fc.array(fc.oneof({ weight: 9, arbitrary: option }, odd), { maxLength: 4 }),
    )
    .chain(([words, others]) =>
      fc.shuffledSubarray([...words, ...others], { minLength: words.length + others.length }),
    );
  return fc
    .tuple(parts, fc.constantFrom<string[][]>([], [], ['--'], ['--', 'true', '-h']))
    .map(([some, behind]) => [verbIn(command), ...some.flat(), ...behind.flat()]);
});

test('a call that is read without yargs, yargs reads in the same way', async () => {
  let plain = 0;
  const property = fc.asyncProperty(calls, async (words) => {
    const values = plainly(words);
    if (values === null) return;
    plain += 1;
    expect(await byYargs(words)).toEqual(values);
  });
  await fc.assert(property, { numRuns: 1_000 });
  // Else this test would say nothing.
  expect(plain).toBeGreaterThan(100);
});
