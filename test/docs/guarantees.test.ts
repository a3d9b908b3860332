import fs from 'node:fs';
import { expect, test } from 'vitest';

const ROOT = new URL('../../', import.meta.url);
const page = fs.readFileSync(new URL('docs/guarantees.md', ROOT), 'utf8');
const machines = fs.readFileSync(new URL('docs/many-machines.md', ROOT), 'utf8');
const hotCounts = fs.readFileSync(new URL('docs/hot-counts.md', ROOT), 'utf8');
const movingIn = fs.readFileSync(new URL('docs/moving-in.md', ROOT), 'utf8');
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

test('every promise about hot counts has a test beside it', () => {
  const [, promised = ''] = hotCounts.split('## What is promised, and when\n');
  const rows =
    promised
      .split('\n## ')[0]
      ?.split('\n')
      .filter((line) => /^\| (?!promise|---)/.test(line)) ?? [];
  expect(rows.length).toBeGreaterThan(8);
  for (const row of rows) expect(citedIn(row), row).not.toHaveLength(0);
});

test('every promise about locks of other programs has a test beside it', () => {
  const [, promised = ''] = movingIn.split('## What is promised\n');
  const rows = (promised.split('\n## ')[0] ?? '').split('\n').filter((line) => /^\| (?!promise|---)/.test(line));
  expect(rows.length).toBeGreaterThan(8);
  for (const row of rows) expect(citedIn(row), row).not.toHaveLength(0);
});

test('every test that the pages name is there', () => {
  const cited = [
    ...citedIn(page),
    ...citedIn(machines),
    ...citedIn(hotCounts),
    ...citedIn(movingIn),
    ...citedIn(security),
  ];
  expect(cited.length).toBeGreaterThan(45);
  for (const { file, name } of cited) {
    const source = fs.readFileSync(new URL(file, ROOT), 'utf8');
    expect(source, file).toContain(name);
  }
});
