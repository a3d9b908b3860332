import { JsonFile, LeaseLostError, Lock, openStore } from 'lockstep';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { Rig } from '../support/cli-rig.ts';
import { EtcdCluster, HAS_ETCD } from '../support/etcd.ts';
import { SilentProxy } from '../support/silent-proxy.ts';

let cluster: EtcdCluster;
let rig: Rig;
let prefixes = 0;
beforeAll(async () => {
  cluster = await EtcdCluster.start();
}, 90_000);
afterAll(() => cluster.stop());
beforeEach(() => {
  prefixes += 1;
  rig = new Rig();
});
afterEach(async () => {
  await openStore(place()).close();
  await rig.end();
});

const place = () => `etcd://${cluster.members[0]?.endpoint}/d${prefixes}`;
const url = () => `${place()}/ticket.json`;
const key = () => `d${prefixes}/ticket.json/document`;
const put = (text: string) => cluster.members[0]?.control('put', key(), text);
const stored = () => cluster.members[0]?.control('get', '--print-value-only', key()).replace(/\n$/, '');

describe.skipIf(!HAS_ETCD)('a JsonFile that is a document in a store on etcd', () => {
  test('is read, and updated under the lock of its name; parts that are not changed keep their text', async () => {
    put('{ "count": 5,\n  "id": 12345678901234567890, "x": 1.0 }');
    const file = new JsonFile<{ count: number }>(url());
    expect((await file.read()).count).toBe(5);
    const held: string[] = [];
    const after = await file.update(async (ticket, lease) => {
      held.push(lease.name, String((await new Lock('ticket.json', { store: place() }).inspect())?.entries.length));
      ticket.count -= 1;
    });
    expect(after.count).toBe(4);
    expect(held).toEqual(['ticket.json', '1']);
    expect(stored()).toBe('{ "count": 4,\n  "id": 12345678901234567890, "x": 1.0 }');
    await file.updateText((text) => text.replace('1.0', '2.50'));
    expect(stored()).toContain('"x": 2.50 }');
    await file.updateBytes(() => Buffer.from('[1]'));
    expect(stored()).toBe('[1]');
    expect(await file.lock.inspect()).toMatchObject({ entries: [] });
  });

  test('that is not there says how to make it; with create it begins with that', async () => {
    const missing = new JsonFile(url());
    await expect(missing.read()).rejects.toMatchObject({
      code: 'FILE_MISSING',
      message: `${url()}: there is no such document. Give the JSON to start from: new JsonFile(…, { create: {} }).`,
    });
    const { status, stderr } = await rig.run('edit', url(), '--', 'jq', '.');
    expect([status, stderr]).toEqual([
      74,
      expect.stringMatching(/no such document.* On the command line: --create JSON\.\n$/),
    ]);
    await expect(missing.update(() => undefined)).rejects.toMatchObject({ code: 'FILE_MISSING' });
    const file = new JsonFile<{ count: number }>(url(), { create: { count: 7 } });
    expect(await file.read()).toEqual({ count: 7 });
    expect(stored()).toBe('');
    await file.update(() => undefined);
    expect(stored()).toBe('{"count":7}\n');
    await file.update((ticket) => {
      ticket.count += 1;
    });
    expect(await missing.read()).toEqual({ count: 8 });
  });

  test('is not changed by an update whose lock was lost meanwhile', async () => {
    put('{"count": 5}');
    const store = openStore(place());
    const late = new JsonFile<{ count: number }>(url()).update(async (ticket, lease) => {
      ticket.count = 0;
      const line = await store.snapshot('ticket.json');
      await store.evict('ticket.json', line?.entries[0]?.ticket ?? 0, { reason: 'a test', by: 'it' });
      expect(lease.token).toBeGreaterThan(0);
    });
    await expect(late).rejects.toThrow(LeaseLostError);
    expect(stored()).toBe('{"count": 5}');
  });

  test('is not changed by an update whose entry was stolen: the thief has the same key', async () => {
    put('{"count": 5}');
    // Another session, with a lease of its own.
    const thief = openStore(`${place()}?ttl=20s`);
    const request = { ask: 1, label: 'thief', onlyIfGranted: false, steal: true };
    const late = new JsonFile<{ count: number }>(url()).update(async (ticket) => {
      ticket.count = 0;
      await thief.join('ticket.json', { kind: 'lock', permits: 1 }, request);
    });
    await expect(late).rejects.toThrow(LeaseLostError);
    expect(stored()).toBe('{"count": 5}');
    await thief.close();
  });

  test('rejects when a program that ignores the lock has changed it meanwhile, and keeps that change', async () => {
    put('{"count": 5}');
    const file = new JsonFile<{ count: number }>(url());
    const update = file.update((ticket) => {
      put('{"count": 9}');
      ticket.count = 0;
    });
    await expect(update).rejects.toMatchObject({ code: 'FILE_CHANGED' });
    expect(stored()).toBe('{"count": 9}');
  });

  test('of more than 1.5 MB is refused before anything is sent; one of nearly as much is not', async () => {
    const file = new JsonFile<string>(url(), { create: '' });
    await file.updateText(() => JSON.stringify('x'.repeat(1_490_000)));
    expect((await file.read()).length).toBe(1_490_000);
    await expect(file.updateText(() => JSON.stringify('x'.repeat(1_500_000)))).rejects.toMatchObject({
      code: 'FILE_TOO_LARGE',
      message: expect.stringContaining('would have 1500002 bytes, and a store on etcd takes at most 1500000'),
    });
    expect((await file.read()).length).toBe(1_490_000);
  });

  test('is updated once where the answer did not come', async () => {
    put('{"count": 5}');
    const proxy = await SilentProxy.start(cluster.members[0]?.port ?? 0);
    const through = `etcd://${proxy.endpoint}/d${prefixes}`;
    try {
      const update = new JsonFile<{ count: number }>(`${through}/ticket.json`).update((ticket) => {
        ticket.count -= 1;
        proxy.isSilent = true;
        setTimeout(() => {
          proxy.isSilent = false;
        }, 1_500);
      });
      expect(await update).toEqual({ count: 4 });
      expect(stored()).toBe('{"count": 4}');
    } finally {
      await openStore(through).close();
      await proxy.stop();
    }
  });

  test('loses no change of several processes that edit it', async () => {
    const edits = Array.from({ length: 8 }, () =>
      rig.run('edit', '--create', '{"count": 0}', url(), '--', 'jq', '-c', '.count += 1'),
    );
    for (const { status, stderr } of await Promise.all(edits)) expect([status, stderr]).toEqual([0, '']);
    expect(stored()).toBe('{"count":8}\n');
  });

  test.each([
    ['etcd://h:1', /names no document\. Write etcd:\/\/HOST:2379\/PREFIX\/NAME\.json/],
    ['etcd://u:secret@h:1/p/a.json', /a URL with a password/],
    ['redis://h/a.json', /there are no stores on redis/],
  ])('has a name: %s', (given, message) => {
    expect(() => new JsonFile(given)).toThrow(message);
  });

  test('takes no other store, and a file takes no create', () => {
    expect(() => new JsonFile(url(), { store: '/tmp/other' })).toThrow('its lock is in the store that its URL names');
    expect(() => new JsonFile('/tmp/a.json', { create: {} })).toThrow('create is for a document in a store on servers');
  });
});
