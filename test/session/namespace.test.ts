import { spawnSync } from 'node:child_process';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Rig, until } from '../support/process-rig.ts';

const IN_NAMESPACE = ['unshare', '--pid', '--fork', '--mount-proc', '--kill-child'];
const permitted = spawnSync('unshare', [...IN_NAMESPACE.slice(1), 'true']).status === 0;

const resource = { name: 'deploy' };
let rig: Rig;

beforeEach(() => {
  rig = new Rig({ heartbeatMs: 1_000, patienceMs: 3_000 });
});

afterEach(() => rig.stop());

// Where `unshare` is not permitted there is no foreign namespace to be had.
describe.runIf(permitted)('a holder in another pid namespace', () => {
  test('is not evicted while its heart beats, and is after it was killed', { timeout: 60_000 }, async () => {
    const holder = await rig.start(IN_NAMESPACE);
    // In there it is the first process; its number says nothing out here.
    expect(holder.pid).toBe(1);
    const successor = await rig.start();
    const token = await holder.acquire(resource);
    await until('its heart beats', () => rig.sessionFiles(1).some((name) => name.endsWith('.lock')));

    const patient = await successor.ask({ do: 'acquire', resource, as: 'lease', timeout: 4_500 });
    expect(patient).toMatchObject({ is: 'failed', code: 'LOCK_TIMEOUT', holderPids: [1] });
    expect(await holder.ask({ do: 'assertHeld', as: 'lease' })).toEqual({ is: 'held' });
    const { entries } = await rig.lock('deploy').inspect();
    expect(entries[0]).toMatchObject({ stale: false, owners: [{ place: 'elsewhere', gone: null }] });

    const granted = successor.acquire(resource);
    await rig.inLine('deploy', 2);
    // The first process of a namespace takes the whole of it along.
    holder.child.kill('SIGKILL');
    expect(await granted).toBeGreaterThan(token);
    expect(rig.records('deploy').find(([verb]) => verb === 'evict')?.[5]).toContain('keepalive');
  });

  test('shares the line with those outside', async () => {
    const inside = await rig.start(IN_NAMESPACE);
    const outside = await rig.start();
    const token = await outside.acquire(resource);
    expect(await inside.ask({ do: 'tryAcquire', resource, as: 'lease' })).toEqual({ is: 'refused' });
    const granted = inside.acquire(resource);
    await rig.inLine('deploy', 2);
    await outside.release();
    expect(await granted).toBeGreaterThan(token);
    void inside.ask({ do: 'finish' });
    expect(await inside.end()).toEqual({ code: 0, signal: null });
    await outside.acquire(resource);
  });
});
