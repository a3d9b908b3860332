import { execFile } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Lock, openStore } from 'lockstep';
import { afterEach, expect, test } from 'vitest';
import { DiskStore } from '../../lib/disk/disk-store.ts';
import { openStoreDirectory } from '../../lib/disk/store-directory.ts';
import { nodeHost } from '../../lib/host/node-host.ts';
import { Session, sessionFile } from '../../lib/session/session.ts';
import { Rig, until } from '../support/process-rig.ts';

const FAR_CLIENT = fileURLToPath(new URL('../../build/fixtures/programs/far-client.js', import.meta.url));
const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const run = promisify(execFile);

let rig: Rig;
afterEach(() => rig.stop());

function counted(directory: string): number {
  return Number(fs.readFileSync(path.join(directory, 'counter'), 'utf8'));
}

/** Several processes, each of which sees the store as a machine of its own would, through a network. */
async function farClients(count: number, rounds: number, guard: string): Promise<{ clean: boolean; said: string[] }> {
  const directory = rig.section();
  const clients = Array.from({ length: count }, () =>
    run(process.execPath, [FAR_CLIENT, rig.directory, directory, String(rounds), guard], {
      timeout: 25_000,
      killSignal: 'SIGKILL',
    }).then(
      ({ stdout }) => stdout.trim(),
      (error: { stderr: string }) => `failed: ${error.stderr}`,
    ),
  );
  const said = await Promise.all(clients);
  return { clean: said.every((text) => text === '0') && counted(directory) === count * rounds, said };
}

test('machines that write to where they believe the end to be lose no record while their appends are guarded', async () => {
  rig = new Rig();
  expect(await farClients(4, 30, 'guarded')).toEqual({ clean: true, said: ['0', '0', '0', '0'] });
});

test('without the guard the same machines do: the test would see it', async () => {
  rig = new Rig();
  expect((await farClients(4, 30, '')).clean).toBe(false);
}, 60_000);

test('in a guarded store processes exclude each other, through rotations and deaths', async () => {
  rig = new Rig({ guarded: true, rotateBytes: 3_000 });
  const directory = rig.section();
  const agents = await rig.startMany(4);
  const visit = { do: 'visit', resource: { name: 'deploy' }, directory, slots: 1, times: 40 } as const;
  const [dying, ...others] = agents;
  await dying?.acquire({ name: 'deploy' });
  const visits = others.map((agent) => agent.ask(visit));
  await rig.inLine('deploy', 4);
  await dying?.kill('SIGKILL');
  expect(await Promise.all(visits)).toEqual(others.map(() => ({ is: 'visited', overlaps: 0 })));
  expect(counted(directory)).toBe(3 * 40);
  expect(fs.readdirSync(path.join(rig.directory, 'resources/deploy')).filter((name) => name === 'guard')).toEqual([]);
});

test('a store is guarded for everybody who opens it, whether they ask for that or not', async () => {
  rig = new Rig({ guarded: true });
  await (await new Lock('deploy', { store: rig.store }).acquire()).release();
  expect(fs.readdirSync(rig.directory)).toContain('guarded');
  // A guard that somebody left behind long ago: who appends under the guard takes it over, and takes it away.
  const guard = path.join(rig.directory, 'resources/deploy/guard');
  const leaveGuard = () => {
    fs.mkdirSync(guard);
    const longAgo = Date.now() / 1000 - 3_600;
    fs.utimesSync(guard, longAgo, longAgo);
  };
  leaveGuard();
  await run(process.execPath, [MAIN, 'run', 'deploy', '--dir', rig.directory, '--', 'true']);
  expect(fs.existsSync(guard)).toBe(false);
  leaveGuard();
  await (await new Lock('deploy', { store: rig.store }).acquire()).release();
  expect(fs.existsSync(guard)).toBe(false);
});

test('a session of another machine that ended is found by callers that try once', async () => {
  rig = new Rig({ guarded: true });
  const patienceMs = 300;
  const open = (boot: string) => {
    const processes = { ...nodeHost.processes, self: () => ({ ...nodeHost.processes.self(), boot }), atExit() {} };
    const host = { ...nodeHost, processes };
    const {
      path: place,
      directoryMode,
      fileMode,
      guarded,
    } = openStoreDirectory(host, rig.directory, { guarded: true });
    const directory = { path: place, directoryMode, fileMode, guarded, local: false, remake() {} };
    return new DiskStore({ host, session: new Session(host), directory, patienceMs, heartbeatMs: 0 });
  };
  const far = open('another-boot');
  const request = { ask: 1, label: '', onlyIfGranted: true };
  const held = far.join('deploy', { kind: 'lock', permits: 1 }, request);
  const file = path.join(far.presence.directory, sessionFile(far.presence.session));
  fs.mkdirSync(`${file}.lock`);
  /** A process that comes, tries once, and exits. */
  const triesOnce = (): boolean => {
    const store = open('this-boot');
    const entry = store.join('deploy', { kind: 'lock', permits: 1 }, request);
    const isHeld = entry.state === 'holding';
    if (isHeld) store.leave(entry);
    store.presence.withdraw();
    return isHeld;
  };
  const from = performance.now();
  let tries = 0;
  await until('one of them gets it', () => {
    tries += 1;
    return triesOnce();
  });
  expect(performance.now() - from).toBeGreaterThanOrEqual(patienceMs);
  // A gap between two of them counts for at most a tenth.
  expect(tries).toBeGreaterThan(10);
  far.refresh(held);
  expect(held.eviction?.reason).toContain('keepalive stood still');
  expect(fs.existsSync(`${file}.seen`)).toBe(true);
});

test('a store that was used without the guard cannot be made a guarded one', async () => {
  rig = new Rig();
  await (await rig.lock('deploy').acquire()).release();
  fs.renameSync(rig.directory, `${rig.directory}-moved`);
  const open = () => openStore(`${rig.directory}-moved`, { guarded: true });
  expect(open).toThrow(
    expect.objectContaining({ code: 'STORE_UNSAFE', message: expect.stringMatching(/without guarded/) }),
  );
  expect(fs.readdirSync(`${rig.directory}-moved`)).not.toContain('guarded');
});
