import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { expect, test } from 'vitest';
import { MisuseError, StoreError } from '../../lib/errors.ts';
import { credentialsFrom } from '../../lib/etcd/client/credentials.ts';
import { isEtcdUrl, parseEtcdUrl } from '../../lib/etcd/client/url.ts';

test('a URL names its members, its prefix and its time to live', () => {
  expect(parseEtcdUrl('etcd://h1:2380,h2,[::1]:1/team/locks/?ttl=1m')).toEqual({
    endpoints: [
      { host: 'h1', port: 2380 },
      { host: 'h2', port: 2379 },
      { host: '::1', port: 1 },
    ],
    prefix: 'team/locks',
    ttlMs: 60_000,
    tls: null,
    user: undefined,
    passwordFile: undefined,
    place: 'etcd://h1:2380,h2:2379,[::1]:1/team/locks?ttl=60s',
  });
});

test('what a URL leaves out has a default', () => {
  expect(parseEtcdUrl('etcd://10.0.0.1')).toMatchObject({ prefix: 'lockstep', ttlMs: 15_000, tls: null });
});

test('TLS, a user and files are read, and the place opens the same again', () => {
  const address = parseEtcdUrl(
    'etcds://a%20b@h1/x%3Fy?ca=/etc/ca.crt&cert=c&key=k&server-name=etcd.example&password-file=/run/p%26w&ttl=10.2s',
  );
  expect(address).toMatchObject({
    tls: { ca: '/etc/ca.crt', cert: 'c', key: 'k', serverName: 'etcd.example' },
    prefix: 'x?y',
    user: 'a b',
    passwordFile: '/run/p&w',
    ttlMs: 11_000,
  });
  expect(parseEtcdUrl(address.place)).toEqual(address);
});

test.each([
  ['http://h1', 'it is no URL of etcd'],
  ['etcd:h1', 'it is no URL of etcd'],
  ['etcd://', 'names no host'],
  ['etcd:///prefix', 'names no host'],
  ['etcd://h1,', 'a host is missing beside a comma'],
  ['etcd://h1,etcd:h2', "'h2' is no port"],
  ['etcd://::1', 'brackets'],
  ['etcd://[::g]', 'is no host'],
  ['etcd://h 1', 'is no host'],
  ['etcd://h1:0', "'0' is no port"],
  ['etcd://h1:65536', 'is no port'],
  ['etcd://h1,h1:2379', 'twice'],
  ['etcd://h1/a//b', 'an empty part'],
  ['etcd://h1/a%00', 'control character'],
  ['etcd://h1/a%', 'Write %25'],
  ['etcd://h1?ttl=9s', 'at least ttl=10s'],
  ['etcd://h1?ttl=soon', 'is no duration'],
  ['etcd://h1?ttl=', 'has no value'],
  ['etcd://h1?ttl=10s&ttl=11s', 'twice'],
  ['etcd://h1?tlt=15s', 'did you mean ttl?'],
  ['etcd://h1?ca=x', 'Write etcds://'],
  ['etcds://h1?cert=x', 'cert and key belong together'],
  ['etcd://@h1', 'etcd://USER@HOST'],
])('%s is misuse that says what is wrong', (url, words) => {
  expect(() => parseEtcdUrl(url)).toThrow(MisuseError);
  expect(() => parseEtcdUrl(url)).toThrow(words);
});

test.each([
  'etcd://alice:hush@h1',
  'etcd://alice:hu@sh@h1',
  'etcd://alice:hu/sh@h1',
  'etcds://h1?password=hush',
  'etcd://:hush@h1',
])('a password in a URL is refused, and not shown: %s', (url) => {
  let message = '';
  try {
    parseEtcdUrl(url);
  } catch (error) {
    message = String(error);
  }
  expect(message).toContain('LOCKSTEP_ETCD_PASSWORD');
  expect(message).not.toMatch(/hush|hu.sh/);
});

test.each(['etcd://h1:2379/a@b', 'etcd://h1:1,h2/a:b@c', 'etcd://[::1]:2/a@b', 'etcd://u@h1:2379/a'])(
  'what only looks like a password is none: %s',
  (url) => {
    expect(parseEtcdUrl(parseEtcdUrl(url).place)).toEqual(parseEtcdUrl(url));
  },
);

test('a URL is distinguished from a path', () => {
  expect(['etcd://h1', 'ETCDS://h1', 'etcd:h1'].every(isEtcdUrl)).toBe(true);
  expect(['/etcd', './etcd://h1', 'etcd', 'postgres://h1'].some(isEtcdUrl)).toBe(false);
});

test('the password is in the environment or in a file, and the user in the URL or the environment', () => {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'lockstep-url-'));
  const file = path.join(directory, 'password');
  fs.writeFileSync(file, 'from file\n');
  expect(credentialsFrom({}, {})).toBeNull();
  expect(credentialsFrom({}, { LOCKSTEP_ETCD_PASSWORD: 'p' })).toBeNull();
  const env = { LOCKSTEP_ETCD_USER: 'bob', LOCKSTEP_ETCD_PASSWORD: 'from env' };
  expect(credentialsFrom({ user: 'alice' }, env)).toMatchObject({ user: 'alice' });
  expect(credentialsFrom({}, env)?.password()).toBe('from env');
  expect(credentialsFrom({ passwordFile: file }, env)?.password()).toBe('from file');
  expect(credentialsFrom({}, { ...env, LOCKSTEP_ETCD_PASSWORD_FILE: file })?.password()).toBe('from file');
  expect(JSON.stringify(credentialsFrom({}, env))).not.toContain('from env');
  expect(() => credentialsFrom({ user: 'alice' }, {})).toThrow(MisuseError);
  expect(() => credentialsFrom({ passwordFile: file }, {})).toThrow(MisuseError);
  fs.rmSync(directory, { recursive: true });
  expect(() => credentialsFrom({ user: 'alice', passwordFile: file }, {})).toThrow(StoreError);
});
