import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { Rig } from '../support/cli-rig.ts';
import { HAS_ETCD } from '../support/etcd.ts';
import { EtcdStoreRig } from '../support/etcd-store-rig.ts';

const LOCK = { kind: 'lock', permits: 1 };
const COUNTER = { kind: 'counter', permits: 1 };
const EVENT = { kind: 'event', permits: 1 };
const request = { ask: 1, label: 'test', onlyIfGranted: false };
const HOUR_MS = 3_600_000;

const rig = new EtcdStoreRig();
beforeAll(() => rig.start(), 90_000);
afterAll(() => rig.stop());
beforeEach(() => rig.begin());
afterEach(() => rig.end());

/** As if a name had last been used two hours ago. */
function backdate(name: string): void {
  const key = `${rig.prefix}/${name}/time`;
  expect(rig.server.control('get', '--print-value-only', key)).toMatch(/^\d{16}\n$/);
  rig.server.control('put', key, String((Date.now() - 2 * HOUR_MS) * 1_000));
}

async function used(...names: string[]) {
  const store = rig.store();
  for (const name of names) await store.leave(await store.join(name, LOCK, request));
  return store;
}

describe.skipIf(!HAS_ETCD)('a name in a store on etcd that nobody is in line for', { timeout: 60_000 }, () => {
  test('is forgotten by age only if it was not used for so long', async () => {
    const store = await used('old', 'new');
    backdate('old');
    expect(await store.forget('old', { idleMs: HOUR_MS })).toBe('forgotten');
    expect(await store.forget('new', { idleMs: HOUR_MS })).toBe('in use');
    expect(await store.names()).toEqual(['new']);
    expect(await store.forget('new')).toBe('forgotten');
    expect(rig.server.control('get', '--prefix', '--keys-only', `${rig.prefix}/new/`).trim()).toBe('');
  });

  test('was used when it was made, also if its first holder has ended without a word', async () => {
    const store = rig.store();
    await store.join('deploy', LOCK, request);
    await store.endSession();
    expect(await store.forget('deploy', { idleMs: HOUR_MS })).toBe('in use');
    backdate('deploy');
    expect(await store.forget('deploy', { idleMs: HOUR_MS })).toBe('forgotten');
  });

  test('is used by actions, too', async () => {
    const store = rig.store();
    await store.act('visits', COUNTER, { do: 'add', by: 1 });
    await store.act('bell', EVENT, { do: 'set' });
    for (const name of ['visits', 'bell']) backdate(name);
    await store.act('visits', COUNTER, { do: 'add', by: -1 });
    await store.act('bell', EVENT, { do: 'clear' });
    for (const name of ['visits', 'bell']) {
      expect(await store.forget(name, { idleMs: HOUR_MS })).toBe('in use');
      backdate(name);
      expect(await store.forget(name, { idleMs: HOUR_MS })).toBe('forgotten');
    }
  });

  test('goes by `lockstep forget --older-than` as on disk', async () => {
    await used('old', 'new');
    backdate('old');
    const cli = new Rig();
    const forget = (...words: string[]) =>
      cli.lockstep(['forget', ...words], { env: { LOCKSTEP_STORE: rig.url() }, input: '' }).ended;
    expect(await forget('--older-than', '1h')).toEqual({ status: 0, stdout: 'old: forgotten\n', stderr: '' });
    expect(await forget('--older-than', '1h', 'new')).toEqual({
      status: 75,
      stdout: '',
      stderr: 'lockstep: new: not forgotten: it was used since, or has a value\n',
    });
    await cli.end();
  });
});
