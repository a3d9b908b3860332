import { stripVTControlCharacters } from 'node:util';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { tableLines } from '../../../cli/text/table.ts';
import { widthOf } from '../../../cli/text/truncate.ts';

const ROWS = [
  ['NAME', 'COMMAND', 'SINCE'],
  ['deploy', 'make 漢字漢字漢字漢字漢字', '1s ago'],
  ['é\u0301日本', 'e\u0301'.repeat(30), '-'],
];

function terminal(columns: number): void {
  vi.spyOn(process.stdout, 'isTTY', 'get').mockReturnValue(true);
  vi.spyOn(process.stdout, 'columns', 'get').mockReturnValue(columns);
  vi.stubEnv('FORCE_COLOR', '0');
}

// Vitest's stdout is no terminal, and has no such properties.
Object.defineProperties(process.stdout, {
  isTTY: { configurable: true, get: () => false },
  columns: { configurable: true, get: () => undefined },
});

afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
});

test('columns are as wide as their widest cell, and aligned by what a terminal shows', () => {
  const lines = tableLines(ROWS);
  expect(lines[1]).toBe(`deploy  make 漢字漢字漢字漢字漢字${' '.repeat(7)}1s ago`);
  expect(lines[2]).toBe(`é\u0301日本   ${'e\u0301'.repeat(30)}  -`);
});

test('at a narrow terminal the command is cut between characters, and every line fits', () => {
  terminal(33);
  const lines = tableLines(ROWS);
  for (const line of lines) expect(widthOf(line)).toBeLessThanOrEqual(33);
  expect(lines[1]).toBe('deploy  make 漢字漢字漢…   1s ago');
  expect(lines[2]).toBe(`é\u0301日本   ${'e\u0301'.repeat(16)}…  -`);
});

test('the command keeps twelve columns, as long as the table fits with them', () => {
  terminal(28);
  expect(tableLines(ROWS)[1]).toBe('deploy  make 漢字漢…  1s ago');
});

test('where not even that is enough, columns are left out one by one; the name, the state and the result stay whole', () => {
  const rows = [
    ['NAME', 'LAST', 'RESULT', 'TYPICAL', 'RUNS', 'STATE', 'REASON'],
    ['nightly-backup', '2h ago', 'failed (3)', '12m', '✓✓✗✓', 'failed', 'exit code 3, 2h ago; last success 1d ago'],
  ];
  const headingsAt = (columns: number) => {
    terminal(columns);
    const [headings = '', row = ''] = tableLines(rows);
    for (const line of [headings, row]) expect(widthOf(line)).toBeLessThanOrEqual(Math.max(columns, 40));
    expect(row).toMatch(/^nightly-backup .*failed \(3\) .*failed\b/);
    return headings.split(/ {2,}/);
  };
  expect(headingsAt(120)).toEqual(rows[0]);
  expect(headingsAt(95)).toEqual(rows[0]);
  expect(headingsAt(75)).toEqual(['NAME', 'LAST', 'RESULT', 'RUNS', 'STATE', 'REASON']);
  expect(headingsAt(60)).toEqual(['NAME', 'LAST', 'RESULT', 'RUNS', 'STATE']);
  expect(headingsAt(45)).toEqual(['NAME', 'LAST', 'RESULT', 'STATE']);
  expect(headingsAt(10)).toEqual(['NAME', 'RESULT', 'STATE']);
});

test('one long name costs the others no column: it is cut in its middle, and every line fits', () => {
  const long = 'backups/of-the-warehouse/that-never/ends/漢字漢字/frankfurt';
  const rows = [
    ['RESOURCE', 'KIND', 'STATE', 'TOKEN', 'PID', 'HOST', 'COMMAND', 'SINCE'],
    [long, 'lock', 'holding', '1764445000000000', '1234', 'web1', 'make all the things', '1s ago'],
    ['deploy', 'lock', 'waiting', '1764445000000001', '1235', 'web1', './deploy.sh', '1s ago'],
  ];
  for (const columns of [120, 80, 60]) {
    terminal(columns);
    const lines = tableLines(rows);
    for (const line of lines) expect(widthOf(line)).toBeLessThanOrEqual(columns);
    expect(lines[1]).toMatch(/^backups\/of.*….*furt /);
    expect(lines[0]).toMatch(/^RESOURCE +.*STATE +.*PID +.*COMMAND/);
  }
  terminal(300);
  expect(tableLines(rows)[1]).toContain(long);
});

test('the room of a column that was left out goes to those that were cut', () => {
  const rows = [
    ['NAME', 'STATE', 'TOKEN', 'COMMAND'],
    ['deploy', 'holding', '1764445000000000', `make ${'x'.repeat(60)}`],
  ];
  terminal(40);
  const [headings, row = ''] = tableLines(rows);
  expect(headings).toBe('NAME    STATE    COMMAND');
  expect(widthOf(row)).toBe(40);
});

test('a column that says nothing in any row is the first to go', () => {
  const rows = [
    ['NAME', 'KIND', 'STATE', 'PID', 'COMMAND'],
    ['a', 'lock', 'free', '-', 'make all'],
    ['b', 'lock', 'free', '-', '-'],
  ];
  terminal(30);
  expect(tableLines(rows)[0]).toBe('NAME  KIND  STATE  COMMAND');
  terminal(40);
  expect(tableLines(rows)[0]).toBe('NAME  KIND  STATE  PID  COMMAND');
});

describe('a state has a colour', () => {
  const STATES = [
    ['NAME', 'STATE', 'COMMAND'],
    ['a', 'holding', 'holding'],
    ['b', 'waiting deadlock', '-'],
    ['c', 'free', '-'],
  ];
  const COLOURED = [
    'NAME  STATE             COMMAND',
    'a     \x1b[32mholding\x1b[39m           holding',
    'b     \x1b[31mwaiting deadlock\x1b[39m  -',
    'c     \x1b[2mfree\x1b[22m              -',
  ];
  const PLAIN = COLOURED.map((line) => stripVTControlCharacters(line));
  const set = (env: Record<string, string>) => {
    for (const name of ['NO_COLOR', 'FORCE_COLOR', 'NODE_DISABLE_COLORS']) vi.stubEnv(name, env[name]);
    vi.stubEnv('TERM', env.TERM ?? 'xterm');
  };
  afterEach(() => void vi.unstubAllEnvs());

  test.each([
    ['at a terminal', {}, COLOURED],
    ['with an empty NO_COLOR', { NO_COLOR: '' }, COLOURED],
    ['but not with NO_COLOR', { NO_COLOR: '1' }, PLAIN],
    ['but not at a terminal that has none', { TERM: 'dumb' }, PLAIN],
    ['but not with FORCE_COLOR=0', { FORCE_COLOR: '0' }, PLAIN],
  ])('%s', (_, env, expected) => {
    terminal(80);
    set(env);
    expect(tableLines(STATES)).toEqual(expected);
  });

  test.each([
    ['not in a pipe', {}, PLAIN],
    ['but in one with FORCE_COLOR', { FORCE_COLOR: '1', NO_COLOR: '1' }, COLOURED],
  ])('%s', (_, env, expected) => {
    set(env);
    expect(tableLines(STATES)).toEqual(expected);
  });
});

test('the blanks behind a cut or coloured cell are as many as without colours', () => {
  terminal(80);
  vi.stubEnv('FORCE_COLOR', '1');
  const strip = [
    ['RUNS', 'STATE'],
    ['✓✗·12', 'ok'],
    ['-', 'late'],
  ];
  expect(tableLines(strip).map((line) => stripVTControlCharacters(line))).toEqual([
    'RUNS   STATE',
    '✓✗·12  ok',
    '-      late',
  ]);
  expect(tableLines(strip)[1]).toContain('\x1b[31m✗');
  vi.unstubAllEnvs();
});
