import { afterEach, expect, test, vi } from 'vitest';
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
}

// Vitest's stdout is no terminal, and has no such properties.
Object.defineProperties(process.stdout, {
  isTTY: { configurable: true, get: () => false },
  columns: { configurable: true, get: () => undefined },
});

afterEach(() => void vi.restoreAllMocks());

test('columns are as wide as their widest cell, and aligned by what a terminal shows', () => {
  const lines = tableLines(ROWS);
  expect(lines[1]).toBe(`deploy  make 漢字漢字漢字漢字漢字${' '.repeat(7)}1s ago`);
  expect(lines[2]).toBe(`é\u0301日本   ${'e\u0301'.repeat(30)}  -`);
});

test('at a narrow terminal the command is cut between characters, and every line fits', () => {
  terminal(35);
  const lines = tableLines(ROWS);
  for (const line of lines) expect(widthOf(line)).toBeLessThanOrEqual(35);
  expect(lines[1]).toBe('deploy  make 漢字漢字漢…   1s ago');
  expect(lines[2]).toBe(`é\u0301日本   ${'e\u0301'.repeat(16)}…  -`);
});

test('the command keeps twelve columns, however narrow the terminal is', () => {
  terminal(10);
  expect(tableLines(ROWS)[1]).toBe('deploy  make 漢字漢…  1s ago');
});
