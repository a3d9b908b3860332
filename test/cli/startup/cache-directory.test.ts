import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { cacheDirectory } from '../../../cli/startup/cache-directory.ts';

const OTHER_USER = 61_001;
const isRoot = process.getuid?.() === 0;

let home: string;
let cache: string;
let own: string;

beforeEach(() => {
  home = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'lockstep-home-')));
  cache = path.join(home, '.cache');
  own = path.join(cache, 'lockstep');
  fs.mkdirSync(own, { recursive: true, mode: 0o700 });
});

afterEach(() => fs.rmSync(home, { recursive: true }));

test('it is in XDG_CACHE_HOME, or else in .cache in HOME', () => {
  const elsewhere = path.join(home, 'elsewhere');
  fs.mkdirSync(elsewhere);
  expect(cacheDirectory({ HOME: home })).toBe(own);
  expect(cacheDirectory({ HOME: '/nowhere', XDG_CACHE_HOME: elsewhere })).toBe(path.join(elsewhere, 'lockstep'));
});

test.each(['', 'relative', './x', '~'])('a path that is not absolute (%j) counts as none', (relative) => {
  expect(cacheDirectory({ HOME: home, XDG_CACHE_HOME: relative })).toBe(own);
  expect(cacheDirectory({ HOME: relative })).toBeNull();
});

test('there is none without these variables', () => {
  expect(cacheDirectory({})).toBeNull();
});

test('it may be missing, and is not made; the directory around it must be there', () => {
  fs.rmdirSync(own);
  expect(cacheDirectory({ HOME: home })).toBe(own);
  fs.rmdirSync(cache);
  expect(cacheDirectory({ HOME: home })).toBeNull();
  expect(cacheDirectory({ HOME: path.join(home, 'nobody') })).toBeNull();
  expect(fs.readdirSync(home)).toEqual([]);
});

test('a link in the place of .cache leads to the directory that it names', () => {
  const elsewhere = path.join(home, 'elsewhere');
  fs.renameSync(cache, elsewhere);
  fs.symlinkSync('elsewhere', cache);
  expect(cacheDirectory({ HOME: home })).toBe(path.join(elsewhere, 'lockstep'));
});

test.each(['a link', 'a file'])('it is not used if it is %s', (kind) => {
  const elsewhere = path.join(home, 'elsewhere');
  fs.renameSync(own, elsewhere);
  if (kind === 'a link') fs.symlinkSync(elsewhere, own);
  else fs.writeFileSync(own, '');
  expect(cacheDirectory({ HOME: home })).toBeNull();
});

describe.each([
  ['it', () => own],
  ['the directory around it', () => cache],
  ['a directory above that', () => home],
])('%s', (which, place) => {
  test.each([0o720, 0o702])('is not used if its mode is %o', (mode) => {
    fs.chmodSync(place(), mode);
    expect(cacheDirectory({ HOME: home })).toBeNull();
  });

  test.runIf(isRoot)('is not used if it is another user’s', () => {
    fs.chownSync(place(), OTHER_USER, OTHER_USER);
    expect(cacheDirectory({ HOME: home })).toBeNull();
  });

  test('is used in a sticky directory only if it is above', () => {
    fs.chmodSync(place(), 0o1777);
    expect(cacheDirectory({ HOME: home })).toBe(which === 'a directory above that' ? own : null);
  });
});
