import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { MAIN } from '../../support/cli-rig.ts';
import { HAS_ETCD } from '../../support/etcd.ts';
import { MachinesRig } from '../../support/machine-rig.ts';
import { Pty } from '../../support/pty.ts';

const rig = new MachinesRig();

describe.skipIf(!HAS_ETCD)('on etcd', { timeout: 120_000 }, () => {
  beforeAll(() => rig.start(), 120_000);
  afterEach(() => rig.end());
  afterAll(() => rig.stop());

  test('a wait at a terminal shows who holds on another machine, and an estimate from the past; then nothing of it is left', async () => {
    const [here, there] = rig.machines();
    for (let run = 0; run < 3; run++) await there.run('run', 'n', '--', 'sleep', '0.3');
    const holder = there.lockstep(['run', 'n', '--', 'sh', '-c', 'echo in; read -r _']);
    await holder.says('in');
    const pty = await Pty.start(here, [process.execPath, MAIN, 'run', 'n', '--', 'echo', 'got'], {
      env: { LOCKSTEP_STORE: here.url },
    });
    await pty.shows(/n: waiting; held by pid \d+ .* for \d+m?s; you are next; (about|usually held for) /);
    await holder.letGo();
    expect(await pty.ended()).toBe(0);
    expect(pty.screen).toBe('got');
  });

  test('what `lockstep release` gave back is released in the history', async () => {
    const [machine] = rig.machines();
    const pid = String(process.pid);
    expect((await machine.run('acquire', 'n', '--pid', pid)).status).toBe(0);
    expect((await machine.run('release', 'n', '--pid', pid)).status).toBe(0);
    expect((await machine.run('history', 'n')).stdout).toMatch(/ released\n$/);
  });
});
