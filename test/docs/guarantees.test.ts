import fs from 'node:fs';
import { expect, test } from 'vitest';

const ROOT = new URL('../../', import.meta.url);
const page = fs.readFileSync(new URL('docs/guarantees.md', ROOT), 'utf8');
const security = fs.readFileSync(new URL('SECURITY.md', ROOT), 'utf8');

interface Cited {
  file: string;
  name: string;
}

/** `test/…`: "a name", "another"; each name with the file before it. */
function citedIn(text: string): Cited[] {
  return [...text.matchAll(/`(test\/[\w./-]+\.ts)`:((?:\s*"[^"]+",?)+)/g)].flatMap(([, file = '', names = '']) =>
    [...names.matchAll(/"([^"]+)"/g)].map(([, name = '']) => ({ file, name })),
  );
}

test('every promise has a test beside it', () => {
  const rows = page.split('\n').filter((line) => line.startsWith('| '));
  const promises = rows.filter(
    (row) => !/^\| (promise|where|---)/.test(row) && !/^\| [^|]*\| (all of|refused)/.test(row),
  );
  expect(promises.length).toBeGreaterThan(30);
  for (const row of promises) expect(citedIn(row), row).not.toHaveLength(0);
});

test('every test that the pages name is there', () => {
  const cited = [...citedIn(page), ...citedIn(security)];
  expect(cited.length).toBeGreaterThan(45);
  for (const { file, name } of cited) {
    const source = fs.readFileSync(new URL(file, ROOT), 'utf8');
    expect(source, file).toContain(name);
  }
});
