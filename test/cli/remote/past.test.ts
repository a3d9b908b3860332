import { Counter, Event, Lock } from 'lockstep';
import { fetchPast } from 'lockstep/history';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { HAS_ETCD } from '../../support/etcd.ts';
import { type MachineRig, MachinesRig } from '../../support/machine-rig.ts';

const rig = new MachinesRig();

/** Everything below the store's prefix is kept until now. */
function compact(machine: MachineRig): void {
  const revision = /"revision":(\d+)/.exec(control('get', 'x', '-w', 'json'))?.[1] ?? '';
  control('compact', revision);
  expect(machine.url).not.toBe('');
}

function control(...words: string[]): string {
  return rig.cluster.members[0]?.control(...words) ?? '';
}

interface Shown {
  end: string;
  reason: string;
  command: string;
  entered: string;
  granted: string | null;
  ended: string | null;
}

async function spansOf(machine: MachineRig, name: string): Promise<Shown[]> {
  return JSON.parse((await machine.run('history', name, '--lock', '--json')).stdout);
}

describe.skipIf(!HAS_ETCD)('the past of a line on etcd', { timeout: 120_000 }, () => {
  beforeAll(() => rig.start(), 120_000);
  afterEach(() => rig.end());
  afterAll(() => rig.stop());

  test('shows on each machine who held, who waited, and how it ended, with times', async () => {
    const [one, other] = rig.machines();
    const holder = await one.hold('deploy');
    const waiter = other.visitor('deploy');
    await other.line('deploy', 1, 1);
    await holder.letGo();
    await waiter.says('in ');
    const [first, second] = await spansOf(other, 'deploy');
    expect(first).toMatchObject({ end: 'left', granted: first?.entered });
    expect(second).toMatchObject({ end: 'still holding', ended: null });
    // The lock passed from one to the other in one transaction.
    expect(second?.granted).toBe(first?.ended);
    const ms = Date.parse(first?.ended ?? '') - Date.parse(first?.entered ?? '');
    expect(ms).toBeGreaterThan(0);
    expect(ms).toBeLessThan(60_000);
    await waiter.letGo();
    expect((await one.run('history', 'deploy')).stdout.match(/released/g)).toHaveLength(2);
    expect(await one.run('history', 'nosuch')).toMatchObject({
      status: 1,
      stderr: expect.stringMatching(/no record of that name/),
    });
  });

  test('shows an eviction and its reason, and the timeline draws it', async () => {
    const [one, other] = rig.machines();
    await one.hold('deploy');
    expect((await other.run('break', 'deploy')).status).toBe(0);
    const [span] = await spansOf(other, 'deploy');
    expect(span).toMatchObject({ end: 'evicted', ended: expect.any(String) });
    expect(span?.reason).not.toBe('');
    const drawn = await other.run('timeline', '-o', '-');
    expect(drawn).toMatchObject({ status: 0, stderr: '' });
    expect(drawn.stdout).toMatch(/<svg.*deploy/s);
  });

  test('shows that a wait was given up, and a lease that ended', async () => {
    const [one, other] = rig.machines();
    const { store } = one;
    await new Lock('deploy', { store }).acquire();
    await other.run('run', 'deploy', '-w', '100ms', '--', 'true');
    const spans = await spansOf(one, 'deploy');
    expect(spans.map(({ end }) => end)).toEqual(['still holding', 'gave up waiting']);
    const key = rig.keys(one).find((name) => name.startsWith('deploy/line/')) ?? '';
    // As the server does it when nobody keeps the lease.
    control('lease', 'revoke', /line\/([0-9a-f]+)-/.exec(key)?.[1] ?? '');
    expect((await spansOf(one, 'deploy'))[0]).toMatchObject({
      end: 'evicted',
      reason: 'its lease ended',
      ended: null,
    });
  });

  test('shows the actions on counters and events', async () => {
    const [machine] = rig.machines();
    const { store } = machine;
    const counter = new Counter('sold', { store });
    await counter.add(2);
    await counter.add(3);
    const event = new Event('ready', { store });
    await event.set();
    await event.clear();
    const didIn = async (name: string) =>
      (await fetchPast(name, store))?.actions.map(({ did, number, outcome }) => [did, number, outcome]);
    expect(await didIn('sold')).toEqual([
      ['add', 2, 2],
      ['add', 3, 5],
    ]);
    expect(await didIn('ready')).toEqual([
      ['set', null, 0],
      ['clear', null, 0],
    ]);
  });

  test('begins where the revisions are compacted, and says so', async () => {
    const [machine] = rig.machines();
    const { store } = machine;
    const lock = new Lock('deploy', { store });
    await lock.withLock(() => undefined, { label: 'forgotten' });
    const lease = await lock.acquire({ label: 'over the cut' });
    compact(machine);
    await lease.release();
    await lock.withLock(() => undefined, { label: 'after it' });
    const past = await fetchPast('deploy', store);
    expect(past).toMatchObject({ isCut: true });
    expect(past?.spans.map(({ label, held, end, grantedAt }) => [label, held, end, grantedAt === null])).toEqual([
      ['over the cut', true, 'left', true],
      ['after it', true, 'left', false],
    ]);
    expect((await machine.run('history', 'deploy')).stderr).toMatch(/no longer keep all that happened before \d{4}-/);
  });

  test('ends with a name that is forgotten', async () => {
    const [machine] = rig.machines();
    const { store } = machine;
    await new Lock('deploy', { store }).withLock(() => undefined, { label: 'before' });
    expect(await store.forget('deploy')).toBe('forgotten');
    expect(await fetchPast('deploy', store)).toBeNull();
    expect(rig.keys(machine).filter((key) => key.startsWith('deploy/') && !key.includes('/line/'))).toEqual([]);
    await new Lock('deploy', { store }).withLock(() => undefined, { label: 'after' });
    expect((await fetchPast('deploy', store))?.spans.map(({ label }) => label)).toEqual(['after']);
  });

  test('is read while others go on', async () => {
    const [machine] = rig.machines();
    const { store } = machine;
    const lock = new Lock('busy', { store });
    let rounds = 0;
    let isOver = false;
    const others = (async () => {
      while (!isOver) {
        await lock.withLock(() => undefined);
        rounds += 1;
      }
    })();
    while (rounds < 50) await new Promise((resolve) => setImmediate(resolve));
    const past = await fetchPast('busy', store);
    isOver = true;
    await others;
    expect(past?.spans.length).toBeGreaterThanOrEqual(50);
    expect(
      past?.spans
        .slice(0, 50)
        .every(({ end, grantedAt, endedAt }) => end === 'left' && grantedAt !== null && endedAt !== null),
    ).toBe(true);
  });
});
