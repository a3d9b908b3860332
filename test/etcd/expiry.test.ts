import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { EtcdClient } from '../../lib/etcd/client/etcd-client.ts';
import type { EtcdAddress } from '../../lib/etcd/client/url.ts';
import type { LineView, Store } from '../../lib/store/store.ts';
import { Rig } from '../support/cli-rig.ts';
import { HAS_ETCD } from '../support/etcd.ts';
import { EtcdStoreRig } from '../support/etcd-store-rig.ts';

/** As in the rig's URL. */
const TTL_MS = 10_000;
const LOCK = { kind: 'lock', permits: 1 };
const request = { ask: 1, label: 'test', onlyIfGranted: false };

const rig = new EtcdStoreRig();
beforeAll(() => rig.start(), 90_000);
afterAll(() => rig.stop());
beforeEach(() => rig.begin());
afterEach(() => rig.end());

describe.skipIf(!HAS_ETCD)('the time after which an entry ends', { timeout: 60_000 }, () => {
  const linesOf = async (store: Store, names: string[]) =>
    (await store.snapshots(names)).flatMap((line): LineView[] => (line === null ? [] : [line]));

  test('is that of its lease, for entries of all sessions; each lease is asked for once', async () => {
    let asked = 0;
    class Counting extends EtcdClient {
      override timeToLive(...args: Parameters<EtcdClient['timeToLive']>) {
        asked += 1;
        return super.timeToLive(...args);
      }
    }
    const makeClient = (address: EtcdAddress) => new Counting(address, { credentials: null });
    const [one, other] = [rig.store(), rig.store({ makeClient })];
    for (const name of ['a', 'b']) await one.join(name, LOCK, request);
    const program = rig.program(`
      console.log((await store.join('a', LOCK, request)).state);
      await order();`);
    expect(await program.line()).toBe('waiting');
    const lines = await other.withExpiry(await linesOf(other, ['a', 'b', 'none']));
    expect(asked).toBe(2);
    const rests = lines.map(({ entries }) => entries.map(({ expiresInMs = -1 }) => expiresInMs));
    expect(rests.map(({ length }) => length)).toEqual([2, 1]);
    for (const rest of rests.flat()) {
      expect(rest).toBeGreaterThan(TTL_MS / 2);
      expect(rest).toBeLessThanOrEqual(TTL_MS);
    }
    // One that gives no sign of life any more comes nearer to its end.
    program.signal('SIGSTOP');
    const restOf = async () => {
      const [line] = await other.withExpiry(await linesOf(other, ['a']));
      return line?.entries[1]?.expiresInMs ?? 0;
    };
    for (let rest = TTL_MS; rest > TTL_MS - 4_000; rest = await restOf()) await new Promise((r) => setTimeout(r, 100));
    program.signal('SIGCONT');
  });

  test('is none where no lease keeps the entry', async () => {
    const store = rig.store();
    await store.leave(await store.join('a', LOCK, request));
    rig.server.control('put', `${rig.prefix}/a/line/endless`, '');
    const [line] = await store.withExpiry(await linesOf(store, ['a']));
    expect(line?.entries.map(({ foreign, expiresInMs }) => [foreign, expiresInMs])).toEqual([[true, undefined]]);
  });

  test('is shown by status, and only there where leases keep entries', async () => {
    const store = rig.store();
    await store.join('a', LOCK, request);
    const cli = new Rig();
    const status = async (...words: string[]) => {
      const { stdout } = await cli.lockstep(['status', ...words], { env: { LOCKSTEP_STORE: rig.url() }, input: '' })
        .ended;
      return stdout;
    };
    expect(await status()).toMatch(/^RESOURCE .* SINCE +EXPIRES\na .* ago +in \d+s\n$/);
    const [{ entries }] = JSON.parse(await status('--json'));
    expect(entries).toEqual([
      expect.objectContaining({ expiresInMs: expect.toSatisfy((ms) => ms > 5_000 && ms <= TTL_MS) }),
    ]);
    const holder = await cli.hold('on-disk');
    expect((await cli.run('status')).stdout).not.toMatch(/EXPIRES/);
    expect((await cli.run('status', '--json')).stdout).not.toMatch(/expiresInMs/);
    await holder.letGo();
    await cli.end();
  });
});
