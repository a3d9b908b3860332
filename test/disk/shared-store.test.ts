import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type AgentProcess, Rig } from '../support/process-rig.ts';

const GROUP = 60_000;
const USERS = [61_001, 61_002];
const as = (uid: number) => ['setpriv', `--reuid=${uid}`, `--regid=${uid}`, `--groups=${GROUP}`];
/** Only root may become others, and these must be able to read what is tested. */
const permitted = spawnSync('setpriv', [...as(61_001).slice(1), process.execPath, 'build/fixtures/programs/agent.js'], {
  timeout: 10_000,
  input: '',
});
const isRoot = process.getuid?.() === 0 && !/EACCES|not permitted/i.test(String(permitted.stderr));

const resource = { name: 'deploy' };
let rig: Rig;

beforeEach(() => {
  rig = new Rig({ shared: true });
  fs.chmodSync(rig.root, 0o755);
});

afterEach(() => rig.stop());

function makeStore(mode: number): void {
  fs.mkdirSync(rig.directory);
  fs.chownSync(rig.directory, 61_009, GROUP);
  fs.chmodSync(rig.directory, mode);
}

describe.runIf(isRoot)('a store that a group shares', () => {
  test('serves users of the group, who wait for each other, wake each other, and survive each other', async () => {
    makeStore(0o2770);
    const [one, other] = (await Promise.all(USERS.map((uid) => rig.start(as(uid))))) as [AgentProcess, AgentProcess];
    await one.acquire(resource);
    const second = other.acquire(resource);
    await rig.inLine('deploy', 2);
    await one.release();
    await second;
    // Each sees whether the other lives, though it may not signal it.
    const third = one.acquire(resource);
    await rig.inLine('deploy', 2);
    await other.kill('SIGKILL');
    await third;
  });

  test('excludes them from each other, through rotations, by a marker and by a counter', async () => {
    await rig.stop();
    rig = new Rig({ shared: true, rotateBytes: 2_000 });
    fs.chmodSync(rig.root, 0o777);
    makeStore(0o2770);
    const directory = path.join(rig.root, 'section');
    fs.mkdirSync(directory);
    fs.chmodSync(directory, 0o777);
    // Made here, so that all of them may write to them.
    for (const [name, text] of [
      ['counter', '0'],
      ['ledger', ''],
    ] as const) {
      fs.writeFileSync(path.join(directory, name), text);
      fs.chmodSync(path.join(directory, name), 0o666);
    }
    const agents = await Promise.all([...USERS, ...USERS].map((uid) => rig.start(as(uid))));
    const visits = agents.map((agent) => agent.ask({ do: 'visit', resource, directory, slots: 1, times: 50 }));
    expect(await Promise.all(visits)).toEqual(agents.map(() => ({ is: 'visited', overlaps: 0 })));
    expect(fs.readFileSync(path.join(directory, 'counter'), 'utf8')).toBe('200');
  });

  test('is refused to who is not of the group, and to all if everybody may write in it', async () => {
    makeStore(0o2770);
    const stranger = await rig.start(['setpriv', '--reuid=61003', '--regid=61003', '--clear-groups']);
    expect(await stranger.ask({ do: 'acquire', resource, as: 'lease' })).toMatchObject({
      is: 'failed',
      code: 'STORE_DENIED',
    });
    fs.chmodSync(rig.directory, 0o2777);
    const member = await rig.start(as(61_001));
    expect(await member.ask({ do: 'acquire', resource, as: 'lease' })).toMatchObject({ code: 'STORE_UNSAFE' });
    expect(fs.readdirSync(rig.directory)).toEqual([]);
  });
});
