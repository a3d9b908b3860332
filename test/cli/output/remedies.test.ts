import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseSync } from '@swc/core';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { definitionOf, verbOf } from '../../../cli/args/definition.ts';
import { describeProgram } from '../../../cli/args/program.ts';
import { COMMANDS, VERBS } from '../../../cli/commands/index.ts';
import { report } from '../../../cli/output/exit.ts';
import { messageWithRemedy } from '../../../cli/output/remedies.ts';
import { localTime } from '../../../cli/text/quantities.ts';
import { BrokenBarrierError, LockstepError, LockTimeoutError, MisuseError, StoreError } from '../../../lib/errors.ts';
import { storeErrorOf } from '../../../lib/host/system-error.ts';

const LIB = fileURLToPath(new URL('../../../lib/', import.meta.url));

afterEach(() => vi.restoreAllMocks());

/** The texts of all string and template literals of a program. */
function literalsIn(node: unknown): string[] {
  if (Array.isArray(node)) return node.flatMap(literalsIn);
  if (typeof node !== 'object' || node === null) return [];
  const { type, value, raw } = node as { type?: string; value?: unknown; raw?: unknown };
  if (type === 'StringLiteral') return [String(value)];
  if (type === 'TemplateElement') return [String(raw)];
  return Object.values(node).flatMap(literalsIn);
}

const OPTIONS = [definitionOf(describeProgram), ...COMMANDS.map(verbOf)]
  .flatMap(({ options }) => options.flatMap(({ name, aliases }) => [name, ...aliases]))
  .filter((name) => name.length > 1);

/** The parts of the command line that a text names: its options and verbs. */
function namedIn(text: string): string[] {
  const options = [...text.matchAll(/--([a-z][a-z-]*)/g)].map(([, name = '']) => name);
  const verbs = [...text.matchAll(/\blockstep ([a-z]+)/g)].map(([, verb = '']) => verb);
  return [...options.filter((name) => OPTIONS.includes(name)), ...verbs.filter((verb) => VERBS.includes(verb))];
}

describe('the library', () => {
  test('names no option and no verb of the command line in a text', () => {
    const files = (fs.readdirSync(LIB, { recursive: true }) as string[]).filter((file) => file.endsWith('.ts'));
    const found = files.flatMap((file) => {
      const program = parseSync(fs.readFileSync(path.join(LIB, file), 'utf8'), { syntax: 'typescript' });
      return literalsIn(program).flatMap((text) => namedIn(text).map((name) => `${file}: ${name}`));
    });
    expect(found).toEqual([]);
  });

  test.each([
    ["'use --dir'", ['dir']],
    ['throw new Error(x + `see \\`lockstep status\\``)', ['status']],
    ["call({ a: ['--allow-new-owner or -s'] })", ['allow-new-owner']],
    ["// --dir\n'cp --attributes-only, lockstep is a word, --'", []],
  ])('would be found to name one in %s', (source, names) => {
    expect(literalsIn(parseSync(source, { syntax: 'typescript' })).flatMap(namedIn)).toEqual(names);
  });
});

const holder = { token: 1, pid: 2, host: 'h', command: 'c', since: 0 };
const broken = new BrokenBarrierError('it s', 'a party died');
const atStore = (code: string) =>
  storeErrorOf(Object.assign(new Error(code), { code }), { operation: 'open', path: '/s' });

const REMEDIES: Array<[what: string, error: unknown, library: string, commandLine: string]> = [
  ['a timeout', new LockTimeoutError('a b', 5, [holder]), 'Wait longer.', "`lockstep status 'a b'`"],
  ['a broken barrier', broken, '`reset()`', "`lockstep barrier 'it s' --reset`"],
  ['a denied store', atStore('EACCES'), '{ store } or $LOCKSTEP_DIR', '--dir'],
  ['a read-only store', atStore('EROFS'), '{ store } or $LOCKSTEP_DIR', '--dir'],
  ['a store that is too long a path', atStore('ENAMETOOLONG'), '{ store } or $LOCKSTEP_DIR', '--dir'],
  [
    'an owner',
    new StoreError('FILE_OWNER', 'f: no. { allowNewOwner: true }', { path: '/f' }),
    '{ allow',
    '--allow-new-owner',
  ],
];

describe('on the command line', () => {
  test.each(REMEDIES)(
    '%s has the remedy of the library, and that of the command line behind it',
    (_, error, ...both) => {
      const write = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
      report(error, '');
      const [line] = write.mock.calls.map(([text]) => String(text));
      const { message } = error as Error;
      expect(message).toContain(both[0]);
      expect(message).not.toContain(both[1]);
      const said = message.replace(/\d\S+T\S+Z/, (moment) => localTime(Date.parse(moment), 'milliseconds'));
      expect(line?.startsWith(`lockstep: ${said} `)).toBe(true);
      expect(line?.slice(`lockstep: ${said} `.length)).toContain(both[1]);
      expect(line).toMatch(/\.\n$/);
    },
  );

  test.each([new MisuseError('m'), new LockstepError('START_FAILED', 'm'), new Error('m')])(
    '%s, which has no other remedy there, is said as it is',
    (error) => {
      expect(messageWithRemedy(error)).toBe('m');
    },
  );
});

test('a moment in a message has the form that all verbs have', () => {
  const error = new LockstepError('START_FAILED', 'held by pid 4, in line since 2026-11-23T09:00:00.250Z.');
  expect(messageWithRemedy(error)).toBe(
    `held by pid 4, in line since ${localTime(Date.UTC(2026, 10, 23, 9, 0, 0, 250), 'milliseconds')}.`,
  );
});
