import { describe, expect, test } from 'vitest';
import { storePath } from '../../lib/disk/store-directory.ts';
import { nodeHost } from '../../lib/host/node-host.ts';
import { JsonFile, Lock, openStore } from '../../lib/index.ts';
import { documentPlace, isUrl, storeUrl } from '../../lib/stores/store-url.ts';

test.each([
  ['etcd://h1:2379/shop', true],
  ['ETCDS://h1', true],
  ['/var/lib/lockstep', false],
  ['./etcd:', false],
  ['C:\\locks', false],
  ['etcd:/one-slash', false],
])('%s is a URL: %s', (place, is) => {
  expect(isUrl(place)).toBe(is);
});

describe('the URL of the store', () => {
  const env = { LOCKSTEP_STORE: 'etcd://from-the-environment/' };

  test('is the given one, then that of the environment; a path given in its place counts more than the environment', () => {
    expect(storeUrl('etcd://given', env)).toBe('etcd://given');
    expect(storeUrl(undefined, env)).toBe('etcd://from-the-environment/');
    expect(storeUrl('/var/lib/lockstep', env)).toBeNull();
    expect(storeUrl(undefined, {})).toBeNull();
    expect(storeUrl(undefined, { LOCKSTEP_STORE: '/srv/locks' })).toBeNull();
  });

  test('is of an engine that there is; the error says which there are', () => {
    expect(() => storeUrl('redis://h1')).toThrow(
      /the store is 'redis:\/\/h1', and there are no stores on redis\. Write etcd:/,
    );
    expect(() => storeUrl(undefined, { LOCKSTEP_STORE: 'http://h1' })).toThrow(/^\$LOCKSTEP_STORE is 'http/);
  });

  test.each(['etcd://root:secret@h1/shop', 'etcds://h1/shop?password=secret', 'postgres://me:secret@h1'])(
    'has no password: %s is refused, and not repeated',
    (url) => {
      const error = refusal(() => openStore(url));
      expect(error.message).toMatch(/a URL with a password.*LOCKSTEP_ETCD_PASSWORD_FILE/);
      expect(error.message).not.toContain('secret');
      expect(() => new Lock('deploy', { store: url })).toThrow(error.message);
    },
  );

  test.each([
    'etcd:/h1:2379/shop',
    'etcd:h1/shop',
    'h1:2379',
    'h1:2379,h2:2379/shop',
    '10.0.0.1:2379/shop',
    ' etcd://h1',
    'redis:/h1',
  ])('is whole: %s is refused, where it would be a directory that excludes nobody elsewhere', (place) => {
    for (const call of [() => openStore(place), () => new Lock('deploy', { store: place })])
      expect(refusal(call).message).toMatch(
        /is no URL\. Write etcd:\/\/HOST:2379\/PREFIX; or, for a directory of that name/,
      );
  });

  test('of a document is whole, too; but a file may have a colon in its name', () => {
    expect(refusal(() => new JsonFile('etcd:/h1/a.json')).message).toMatch(/is no URL/);
    for (const file of ['notes:1', 'backup:2026/a.json', 'redis:/a.json']) expect(documentPlace(file)).toBeNull();
  });

  test('that is not whole shows no password, and a path may be like one', () => {
    expect(refusal(() => storeUrl('etcd:/me:secret@h1/shop')).message).toMatch(/'etcd:\/me:…@h1\/shop'/);
    for (const path of ['/srv/h1:2379', './h1:2379', 'C:\\locks', 'C:/locks', 'a:b', 'locks'])
      expect(storeUrl(path, {})).toBeNull();
  });
});

test('options of a directory are refused for a URL', () => {
  expect(() => openStore('etcd://h1/shop', { guarded: true })).toThrow(
    /guarded is an option of a store on disk, not of etcd:\/\/h1\/shop/,
  );
});

test('where only a directory will do, a URL is refused in words, given or from the environment', () => {
  expect(() => storePath(nodeHost, 'etcd://h1/shop')).toThrow(
    /the store is the URL etcd:\/\/…, and this needs the directory/,
  );
  expect(() => storePath(nodeHost, undefined, { LOCKSTEP_STORE: 'etcd://h1' })).toThrow(
    /^LOCKSTEP_STORE is the URL etcd:\/\/…/,
  );
});

test('$LOCKSTEP_STORE may be a path, and counts before $LOCKSTEP_DIR', () => {
  expect(storePath(nodeHost, undefined, { LOCKSTEP_STORE: '/srv/a', LOCKSTEP_DIR: '/srv/b' })).toBe('/srv/a');
  expect(storePath(nodeHost, undefined, { LOCKSTEP_STORE: '', LOCKSTEP_DIR: '/srv/b' })).toBe('/srv/b');
  expect(() => storePath(nodeHost, undefined, { LOCKSTEP_STORE: 'srv/a' })).toThrow(
    /^LOCKSTEP_STORE is 'srv\/a', a relative/,
  );
});

function refusal(call: () => unknown): Error {
  try {
    call();
  } catch (error) {
    return error as Error;
  }
  throw new Error('it was not refused');
}
