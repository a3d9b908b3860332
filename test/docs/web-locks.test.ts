import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { LockManager } from '../../lib/index.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const PAGE = fs.readFileSync(`${ROOT}docs/web-locks.md`, 'utf8');

/** Whatever the Web Locks API has, and what it says of the world around it. */
const MEMBERS = [
  '`navigator.locks`',
  '`WorkerNavigator.locks`',
  '`LockManager`',
  '`LockManager.request(name, callback)`',
  '`LockManager.request(name, options, callback)`',
  '`LockManager.query()`',
  '`LockOptions.mode`',
  '`LockOptions.ifAvailable`',
  '`LockOptions.steal`',
  '`LockOptions.signal`',
  '`LockMode`',
  '`LockGrantedCallback`',
  '`Lock`',
  '`Lock.name`',
  '`Lock.mode`',
  '`LockManagerSnapshot.held`',
  '`LockManagerSnapshot.pending`',
  '`LockInfo.name`',
  '`LockInfo.mode`',
  '`LockInfo.clientId`',
  'secure context',
  'origin scope and storage buckets',
  'a document that is not fully active',
  'the back/forward cache',
  'termination of agents',
];

/** The rows of the tables that go member by member: their cells. */
function rows(): string[][] {
  const [, part = ''] = PAGE.split('\n## Member by member\n');
  const lines = part.split('\n## ')[0]?.split('\n') ?? [];
  const cells = lines.filter((line) => line.startsWith('| ')).map((line) => line.slice(1, -1).split(' | '));
  return cells
    .map((row) => row.map((cell) => cell.trim()))
    .filter(([first]) => first !== 'Web Locks API' && first !== '---');
}

function namesIn(text: string): string[] {
  return [...text.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name.replace(/\s+/g, ' '));
}

/** Every test's name, with its `describe`s before it, as the sources have them. */
function testNames(file: string): string[] {
  const around: string[] = [];
  const names: string[] = [];
  const starts = /^( *)(describe|test)(?:\.\w+\([^)]*\))?\(\s*(['"])(.*?)\3,/gm;
  for (const [, indent = '', kind, , name = ''] of fs.readFileSync(file, 'utf8').matchAll(starts)) {
    const depth = indent.length / 2;
    if (kind === 'describe') around.splice(depth, Number.POSITIVE_INFINITY, name);
    else names.push([...around.slice(0, depth), name].join(' '));
  }
  return names;
}

const known = ['test/primitives/lock-manager.test.ts', 'test/primitives/lock-manager-processes.test.ts'].flatMap(
  (file) => testNames(path.join(ROOT, file)),
);

test('the page goes through every member of the API, each once, and says of each in a sentence how it differs', () => {
  const members = rows().map(([member]) => member);
  expect(members).toEqual([...new Set(members)]);
  expect(MEMBERS.filter((member) => !members.includes(member))).toEqual([]);
  for (const [member, has, difference, ...tests] of rows()) {
    expect([member, has]).not.toContain('');
    expect(difference, member).toMatch(/^[A-Z].*\.$/);
    expect(tests, member).toHaveLength(1);
  }
});

test('every test that the page names exists', () => {
  const [, prose = ''] = PAGE.split('\n## The one difference');
  const paragraphs = [...prose.matchAll(/^Tests: (.*?)\n\n|^Tests: (.*)$/gms)].map(([text]) => text);
  const quoted = [...rows().map(([, , , tests = '']) => tests), ...paragraphs].flatMap(namesIn);
  expect(paragraphs).toHaveLength(2);
  expect(quoted.length).toBeGreaterThan(50);
  expect(quoted.filter((name) => !known.includes(name))).toEqual([]);
});

test('the page speaks of every method that a LockManager has', () => {
  const methods = Object.getOwnPropertyNames(LockManager.prototype).filter((name) => name !== 'constructor');
  expect(methods.filter((name) => !PAGE.includes(`locks.${name}(`))).toEqual([]);
  expect(methods).not.toEqual([]);
});
