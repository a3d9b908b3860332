import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, test, vi } from 'vitest';
import { report } from '../../cli/output/exit.ts';
import * as errors from '../../lib/errors.ts';
import { storeErrorOf } from '../../lib/host/system-error.ts';
import { nodeError, numberOf } from '../faults/node-error.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const PAGE = fs.readFileSync(`${ROOT}docs/errors.md`, 'utf8');

afterEach(() => vi.restoreAllMocks());

function sources(): string {
  const files = ['lib', 'cli'].flatMap((directory) =>
    (fs.readdirSync(path.join(ROOT, directory), { recursive: true }) as string[]).map((file) =>
      path.join(ROOT, directory, file),
    ),
  );
  return files
    .filter((file) => file.endsWith('.ts'))
    .map((file) => fs.readFileSync(file, 'utf8'))
    .join('\n');
}

/** Rows of the tables on the page, as their cells. */
function rows(heading: string): string[][] {
  const section = PAGE.slice(PAGE.indexOf(`\n## ${heading}\n`) + 1).split('\n## ')[0] ?? '';
  const lines = section.split('\n').filter((line) => line.startsWith('|'));
  return lines.slice(2).map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

const unquoted = (cell = '') => cell.replaceAll('`', '');
const table = rows('Codes').map(([name, code, , , exit]) => ({
  name: unquoted(name),
  code: unquoted(code),
  exit: Number(exit),
}));

test('every code that Lockstep has is on the page, and every one there exists', () => {
  const literals = [
    ...sources().matchAll(/'([A-Z]+(?:_[A-Z0-9]+)+|EVICTED|DEADLOCK|MISUSE|UNREACHABLE|UNSURE|DENIED|REFUSED)'/g),
  ].map(([, code = '']) => code);
  // Those of Node itself, and of OpenSSL, are not ours.
  const codes = new Set(literals.filter((code) => !/^(LOCKSTEP|ERR|UNABLE)_|_?CERT(_|$)/.test(code)));
  expect(codes.size).toBeGreaterThan(15);
  expect(table.map(({ code }) => code).sort()).toEqual([...codes].sort());
});

test('every class of errors is on the page', () => {
  const classes = Object.keys(errors).filter((name) => name.endsWith('Error'));
  expect([...new Set(table.map(({ name }) => name))].sort()).toEqual(classes.sort());
});

const MAKE: Record<string, (code: string) => Error> = {
  LockTimeoutError: () => new errors.LockTimeoutError('x', 1, []),
  DeadlockError: () => new errors.DeadlockError('x', []),
  BrokenBarrierError: () => new errors.BrokenBarrierError('x', 'r'),
  LeaseLostError: () => new errors.LeaseLostError('x', 1, 'r'),
  ConfigMismatchError: () => new errors.ConfigMismatchError('x', 'lock', 'event'),
  LogFullError: () => new errors.LogFullError('x', 1),
  MisuseError: () => new errors.MisuseError('m'),
  LockstepError: (code) => new errors.LockstepError(code, 'm'),
  StoreError: (code) => new errors.StoreError(code, 'm', { path: '/' }),
};

test.each(table)('$name $code ends the command line with $exit', ({ name, code, exit }) => {
  const write = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
  const error = MAKE[name]?.(code);
  expect(error).toMatchObject({ name, code });
  expect(report(error, '')).toBe(exit);
  expect(String(write.mock.calls[0]?.[0])).not.toContain('a bug');
});

test('every system error that is known by name is on the page, and becomes what it says', () => {
  const source = fs.readFileSync(`${ROOT}lib/host/system-error.ts`, 'utf8');
  const known = [...source.matchAll(/^ {2}(E[A-Z]+): \[/gm)].map(([, name = '']) => name);
  const said = rows('What a failed system call becomes').flatMap(([names = '', code]) =>
    unquoted(names)
      .split(', ')
      .map((name) => [name, unquoted(code)] as const),
  );
  expect(said.map(([name]) => name).sort()).toEqual([...known].sort());
  for (const [name, code] of said) {
    const error = Object.assign(new Error(name), { code: name });
    expect(storeErrorOf(error, { operation: 'read', path: '/' })).toMatchObject({ code, cause: error });
    const byNumber = Object.assign(new Error('UNKNOWN'), { code: 'UNKNOWN', errno: -numberOf(name) });
    expect([name, storeErrorOf(byNumber, { operation: 'read', path: '/' })]).toMatchObject([name, { code }]);
  }
});

test('every other system error is what the page says of it', () => {
  const section = PAGE.slice(PAGE.indexOf('\n## What a failed system call becomes\n'));
  expect(section).toContain('Any other is `STORE_IO`');
  for (const name of ['EPROTO', 'EREMOTEIO', 'EMLINK', 'errno 524', 'ERR_FS_FILE_TOO_LARGE', 'ERR_STRING_TOO_LONG']) {
    const error = name.startsWith('ERR_')
      ? Object.assign(new Error(name), { code: name })
      : nodeError(name, 'read', 'native');
    expect([name, storeErrorOf(error, { operation: 'read', path: '/' })]).toMatchObject([name, { code: 'STORE_IO' }]);
  }
});
