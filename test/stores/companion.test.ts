import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { parseEtcdUrl } from '../../lib/etcd/client/url.ts';
import { nodeHost } from '../../lib/host/node-host.ts';
import { openStore } from '../../lib/index.ts';
import { companionName, companionOf } from '../../lib/stores/companion.ts';
import { directoryOf, readingOf } from '../../lib/stores/open-store.ts';

let root = '';
let hosts = 0;

beforeEach(() => {
  root = fs.mkdtempSync(path.join(os.tmpdir(), 'lockstep-companion-'));
  vi.stubEnv('LOCKSTEP_DIR', path.join(root, 'store'));
});

afterEach(() => {
  vi.unstubAllEnvs();
  fs.rmSync(root, { recursive: true, force: true });
});

/** Of a store that no other test uses: a process finds each companion once. */
function freshUrl(): string {
  hosts += 1;
  return `etcd://companion-${hosts}/shop`;
}

const SPELLINGS = [
  ['etcd://h1', 'etcd://h1:2379/lockstep'],
  ['etcd://h1/', 'ETCD://H1/lockstep/?ttl=30s'],
  ['etcd://me@h1/shop', 'etcd://h1/shop?password-file=/run/password'],
  ['etcd://h2,h1/shop', 'etcd://h1,h2:2379/shop'],
  ['etcd://h1/a%2Db', 'etcd://h1/a-b'],
  ['etcd://[::1]/shop', 'etcd://[::1]:2379/shop'],
] as const;

test.each(SPELLINGS)('%s and %s are one store: they have one companion', (one, other) => {
  const lists = [one, other].map((url) => parseEtcdUrl(url.toLowerCase()));
  expect(lists[0]?.prefix).toBe(lists[1]?.prefix);
  expect(companionName(one)).toBe(companionName(other));
  // As the opened store itself spells it.
  expect(companionName(lists[0]?.place ?? '')).toBe(companionName(one));
});

test('other servers, other ports and other prefixes have companions of their own', () => {
  const urls = ['etcd://h1/a', 'etcd://h2/a', 'etcd://h1/b', 'etcd://h1/a/b', 'etcd://h1:2380/a', 'etcd://h1,h2/a'];
  expect(new Set(urls.map(companionName)).size).toBe(urls.length);
});

test('a long list of hosts has a name that a directory can have, and another list another one', () => {
  const hostsOf = (last: string) =>
    Array.from({ length: 9 }, (_, at) => `a-long-name-of-a-host-${at}`).join(',') + last;
  const [one, other] = ['x', 'y'].map((last) => companionName(`etcd://${hostsOf(last)}/shop`));
  expect(one).not.toBe(other);
  expect(one?.length).toBeLessThanOrEqual(200);
});

test('a companion is made at its first use, for its user alone, inside the store of the machine', () => {
  const directory = directoryOf(openStore(freshUrl()));
  expect(path.dirname(directory.path)).toBe(path.join(root, 'store/remote'));
  expect(fs.existsSync(path.join(root, 'store'))).toBe(false);
  directory.remake();
  const modes = ['store', 'store/remote', directory.path].map(
    (one) => fs.statSync(path.resolve(root, one)).mode & 0o777,
  );
  expect(modes).toEqual([0o700, 0o700, 0o700]);
});

test('whoever looks at it finds the same place, and makes nothing', () => {
  const url = freshUrl();
  const { directory, host } = readingOf(url);
  expect(directory.path).toBe(companionOf(url).path);
  host.files.makeDirectory(path.join(root, 'x'), 0o700);
  expect(fs.readdirSync(root)).toEqual([]);
});

test.each([
  ['the store of the machine', 'store', 0o777, /others may write in it/],
  ['the directory itself', `store/remote/${companionName('etcd://refused/shop')}`, 0o722, /others may write in it/],
])('it is refused where others may write in %s', (_, place, mode, refusal) => {
  const refused = path.join(root, place);
  fs.mkdirSync(refused, { recursive: true });
  fs.chmodSync(refused, mode);
  expect(() => directoryOf('etcd://refused/shop')).toThrow(refusal);
});

test('it is refused where a link has taken the place of the directory around it', () => {
  const url = freshUrl();
  const elsewhere = path.join(root, 'elsewhere');
  fs.mkdirSync(path.join(elsewhere, companionName(url)), { recursive: true, mode: 0o700 });
  fs.mkdirSync(path.join(root, 'store'), { mode: 0o700 });
  fs.symlinkSync(elsewhere, path.join(root, 'store/remote'));
  expect(() => companionOf(url)).toThrow(expect.objectContaining({ code: 'STORE_UNSAFE' }));
  expect(nodeHost.files.list(elsewhere)).toEqual([companionName(url)]);
});
