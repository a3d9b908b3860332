import fs from 'node:fs';
import { expect, onTestFinished, test } from 'vitest';
import setup from './own-environment.ts';

const FOREIGN = [
  'LOCKSTEP_DIR',
  'LOCKSTEP_STORE',
  'LOCKSTEP_TOKEN',
  'LOCKSTEP_ETCD_PASSWORD',
  'CI',
  'FORCE_COLOR',
  'NO_COLOR',
  'COLUMNS',
  'LC_ALL',
  'POSIXLY_CORRECT',
  'BASH_ENV',
  'XDG_STATE_HOME',
  'ETCDCTL_ENDPOINTS',
  'PGHOST',
  'npm_config_loglevel',
  'NODE_OPTIONS',
];
const KEPT = [
  'PATH',
  'HOME',
  'TZ',
  'LOCKSTEP_TESTS',
  'LOCKSTEP_TEST_RUN',
  'LOCKSTEP_SIMULATION',
  'LOCKSTEP_BENCH_NODE',
  'npm_config_proxy',
];

function inEnvironment(values: Record<string, string>): void {
  const before = { ...process.env };
  onTestFinished(() => {
    for (const name of Object.keys(process.env)) if (!(name in before)) delete process.env[name];
    Object.assign(process.env, before);
  });
  Object.assign(process.env, values);
}

test('tests have nothing of what people set for their own programs', () => {
  const foreign = Object.fromEntries(FOREIGN.map((name) => [name, '1']));
  inEnvironment({ ...foreign, TERM: 'dumb' });
  onTestFinished(setup());
  expect(FOREIGN.filter((name) => name in process.env)).toEqual([]);
  expect(process.env).toMatchObject({ LANG: 'C.UTF-8', TERM: 'xterm' });
});

test('they have what finds programs and the registry, and what people choose tests by', () => {
  inEnvironment(Object.fromEntries(KEPT.map((name) => [name, `${name}'s`])));
  onTestFinished(setup());
  expect(KEPT.filter((name) => process.env[name] !== `${name}'s`)).toEqual([]);
});

test.each([
  ['/var/tmp', '/var/tmp'],
  ['/home/somebody/my files', '/tmp'],
  ["/home/o'brien", '/tmp'],
])('with TMPDIR=%s files of tests are in %s', (given, used) => {
  inEnvironment({ TMPDIR: given });
  onTestFinished(setup());
  expect(process.env.TMPDIR).toBe(used);
});

test('what the command line keeps is in a directory of its own, which is gone afterwards', () => {
  inEnvironment({ XDG_CACHE_HOME: '/home/somebody/.cache' });
  const end = setup();
  const kept = process.env.XDG_CACHE_HOME as string;
  expect(fs.readdirSync(kept)).toEqual([]);
  end();
  expect(fs.existsSync(kept)).toBe(false);
});
