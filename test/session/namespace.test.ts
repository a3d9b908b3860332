import { spawnSync } from 'node:child_process';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { childOf, Rig } from '../support/process-rig.ts';

const IN_NAMESPACE = ['unshare', '--pid', '--fork', '--mount-proc', '--kill-child'];
const IN_TIME = [...IN_NAMESPACE, '--time', '--boottime', '100000'];
const WITHOUT_PROC = [
  ...['unshare', '--pid', '--mount', '--fork', '--kill-child'],
  ...['sh', '-c', 'umount -l /proc; exec "$@"', 'sh'],
];
const WITH_ANOTHER_BOOT_ID = [
  ...['unshare', '--mount', '--fork', '--kill-child', 'sh', '-c'],
  'f=$(mktemp); cat /proc/sys/kernel/random/uuid > "$f"; mount --bind "$f" /proc/sys/kernel/random/boot_id; rm "$f"; exec "$@"',
  'sh',
];

/** Where a holder may be, as a command that starts it there. */
const PLACES: ReadonlyArray<[where: string, command: string[]]> = [
  ['in another pid namespace', IN_NAMESPACE],
  ['in another pid and time namespace', IN_TIME],
  ['in another pid namespace without /proc', WITHOUT_PROC],
  ['that is shown another boot id', WITH_ANOTHER_BOOT_ID],
];
const permitted = spawnSync('unshare', [...IN_NAMESPACE.slice(1), 'true']).status === 0;

const resource = { name: 'deploy' };
let rig: Rig;

beforeEach(() => {
  rig = new Rig();
});

afterEach(() => rig.stop());

// Where `unshare` is not permitted no other namespace can be made.
describe.runIf(permitted).each(PLACES)('a holder %s', (_, command) => {
  test('keeps its lock from the first moment on, though it blocks its event loop', async () => {
    const [holder, successor] = await Promise.all([rig.start(command), rig.start()]);
    await holder.acquire(resource);
    const blocked = holder.ask({ do: 'block', ms: 600 });
    expect(await successor.ask({ do: 'tryAcquire', resource, as: 'lease' })).toEqual({ is: 'refused' });
    const patient = await successor.ask({ do: 'acquire', resource, as: 'lease', timeout: 300 });
    expect(patient).toMatchObject({ is: 'failed', code: 'LOCK_TIMEOUT' });
    await blocked;
    expect(await holder.ask({ do: 'assertHeld', as: 'lease' })).toEqual({ is: 'held' });
    const { entries } = await rig.lock('deploy').inspect();
    expect(entries[0]).toMatchObject({ stale: false, owners: [{ gone: null }] });
  });

  test('keeps its lock while it is stopped', async () => {
    const [holder, successor] = await Promise.all([rig.start(command), rig.start()]);
    await holder.acquire(resource);
    const pid = childOf(holder.child.pid);
    process.kill(pid, 'SIGSTOP');
    expect(await successor.ask({ do: 'tryAcquire', resource, as: 'lease' })).toEqual({ is: 'refused' });
    const patient = await successor.ask({ do: 'acquire', resource, as: 'lease', timeout: 200 });
    expect(patient).toMatchObject({ is: 'failed', code: 'LOCK_TIMEOUT' });
    process.kill(pid, 'SIGCONT');
    expect(await holder.ask({ do: 'assertHeld', as: 'lease' })).toEqual({ is: 'held' });
  });

  test('is dead as soon as it was killed, for a waiter and for a single try, in all that it held', async () => {
    const [holder, successor] = await Promise.all([rig.start(command), rig.start()]);
    const token = await holder.acquire(resource);
    await holder.acquire({ name: 'second' }, 'second');
    const granted = successor.acquire(resource);
    await rig.inLine('deploy', 2);
    // The process that `unshare` has started ends with it.
    holder.child.kill('SIGKILL');
    expect(await granted).toBeGreaterThan(token);
    expect(rig.records('deploy').find(([verb]) => verb === 'evict')?.[5]).toContain('gone');
    const late = await rig.start();
    expect(await late.ask({ do: 'tryAcquire', resource: { name: 'second' }, as: 'late' })).toMatchObject({
      is: 'granted',
    });
  });

  test('takes part in the line with those outside, and sees that they live', async () => {
    const [inside, outside] = await Promise.all([rig.start(command), rig.start()]);
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
