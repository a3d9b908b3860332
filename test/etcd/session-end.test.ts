import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { isAlive, Rig, until } from '../support/cli-rig.ts';
import { HAS_ETCD } from '../support/etcd.ts';
import { EtcdStoreRig } from '../support/etcd-store-rig.ts';

/** What it may take the machine of these tests beside the second that a process gives the servers. */
const MORE_MS = 2_000;
const LOCK = { kind: 'lock', permits: 1 };
const request = { ask: 1, label: 'test', onlyIfGranted: false };

const rig = new EtcdStoreRig();
beforeAll(() => rig.start(), 90_000);
afterAll(() => rig.stop());
beforeEach(() => rig.begin());
afterEach(() => rig.end());

/** The keys of a line. Nobody judges it: nobody of this machine waits there. */
const keysIn = (name: string) =>
  rig.server.control('get', '--prefix', '--keys-only', `${rig.prefix}/${name}/line/`).split('\n').filter(Boolean);

async function holder(more = '') {
  const program = rig.program(`
    const { closeSync, openSync } = process.getBuiltinModule('fs');
    const silence = () => { closeSync(2); openSync('/dev/null', 'w'); };
    const entry = await store.join('deploy', LOCK, request);
    console.log(entry.state);
    ${more}
    await order();`);
  expect(await program.line()).toBe('holding');
  return program;
}

describe.skipIf(!HAS_ETCD)('a process that ends, with a store on etcd,', { timeout: 60_000 }, () => {
  test.each(['SIGTERM', 'SIGINT', 'SIGHUP'] as const)(
    'by %s leaves nothing in line when it is gone',
    async (signal) => {
      const program = await holder();
      program.signal(signal);
      expect(await program.exited).toEqual([null, signal]);
      expect(keysIn('deploy')).toEqual([]);
    },
  );

  test('by a signal while it waits leaves the line, too, and also as a command line', async () => {
    const store = rig.store();
    await store.join('deploy', LOCK, request);
    const waiter = rig.program(`
      const entry = await store.join('deploy', LOCK, request);
      console.log(entry.state);
      await store.changed(entry, { timeoutMs: 60_000, keepAlive: true });
      console.log('goes on');`);
    expect(await waiter.line()).toBe('waiting');
    const cli = new Rig();
    const run = cli.lockstep(['run', 'deploy', '--', 'true'], { env: { LOCKSTEP_STORE: rig.url() } });
    await until('both wait', () => keysIn('deploy').length === 3);
    waiter.signal('SIGTERM');
    run.kill('SIGINT');
    expect([await waiter.line(), await waiter.exited]).toEqual([undefined, [null, 'SIGTERM']]);
    expect(await run.ended).toEqual({ status: 'SIGINT', stdout: '', stderr: '' });
    expect(keysIn('deploy')).toHaveLength(1);
    await cli.end();
  });

  test.each([
    ['process.exit', 'setImmediate(() => process.exit(3));', 3],
    [
      'an error that nobody catches',
      'process.removeAllListeners("uncaughtException"); silence(); setImmediate(() => { throw 1; });',
      1,
    ],
  ])('by %s leaves nothing in line', async (_, code, status) => {
    const program = await holder(code);
    expect(await program.exited).toEqual([status, null]);
    expect(keysIn('deploy')).toEqual([]);
  });

  test('by a signal waits a second for servers that do not answer; none of its code runs meanwhile', async () => {
    const program = await holder(`let at = 0;
      setInterval(() => { at = performance.timeOrigin + performance.now(); }, 5);
      setInterval(() => process.stdout.write(at + '\\n'), 10);`);
    await program.line();
    rig.server.signal('SIGSTOP');
    const signalled = performance.timeOrigin + performance.now();
    program.signal('SIGTERM');
    rig.onEnd(() => rig.server.signal('SIGCONT'));
    let last = 0;
    for (let line: string | undefined = ''; line !== undefined; line = await program.line()) last = Number(line);
    expect(await program.exited).toEqual([null, 'SIGTERM']);
    const tookMs = performance.timeOrigin + performance.now() - signalled;
    rig.server.signal('SIGCONT');
    expect(tookMs).toBeGreaterThan(900);
    expect(tookMs).toBeLessThan(1_000 + MORE_MS);
    expect(last - signalled).toBeLessThan(tookMs - 800);
  });

  test('but has a handler of its own for the signal, goes on, and has its lock', async () => {
    const program = await holder(`process.on('SIGTERM', () => console.log('heard', entry.state));`);
    program.signal('SIGTERM');
    expect(await program.line()).toBe('heard holding');
    expect(keysIn('deploy')).toHaveLength(1);
  });

  test('leaves the lock to a command that owns it, too; the rest it takes out', async () => {
    const command = rig.program('await order();');
    const program = await holder(`
      await store.adopt(entry, ${command.pid}, { handOver: false, command: { leadsGroup: false } });
      await store.join('other', LOCK, request);
      setImmediate(() => process.exit(0));`);
    await program.exited;
    expect(keysIn('other')).toEqual([]);
    expect(keysIn('deploy')).toHaveLength(1);
    expect(isAlive(command.pid)).toBe(true);
    await command.end('SIGKILL');
    await until('its keeper has taken it out', () => keysIn('deploy').length === 0);
  });
});
