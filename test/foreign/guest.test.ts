import fs from 'node:fs';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { GuestRig } from '../support/guest-rig.ts';

let rig: GuestRig;
beforeEach(() => {
  rig = new GuestRig();
  rig.write('c.json', '{}');
});
afterEach(() => rig.end());

const BOTH = `const also = [{ 'proper-lockfile': 'c.json' }, { flock: 'f' }].map((alsoLock, at) => new Lock('n' + at, { alsoLock }));`;

test('locks of other programs change nothing of the program around: no handler stays, nothing is patched, nothing is loaded', async () => {
  const program = rig.program(`${BOTH}
    const names = () => [process.emit, process.reallyExit, process.cwd, process.chdir, fs.close, fs.closeSync];
    const [before, events] = [names(), process.eventNames().length];
    for (const lock of also) await lock.withLock(() => turn());
    await turn(); await turn(); await turn();
    const { registerHooks } = process;
    say(JSON.stringify({
      same: names().every((one, at) => one === before[at]),
      signals: handlers(),
      loaded: Object.keys(require.cache).filter((file) => file.includes('proper-lockfile')),
    }));`);
  const { status, stdout, stderr } = await program.ended;
  expect({ status, stderr, ...JSON.parse(stdout) }).toEqual({
    status: 0,
    stderr: '',
    same: true,
    signals: '0 0 0',
    loaded: [],
  });
});

test('a program that uses proper-lockfile, too, keeps all that the package does for it', async () => {
  const program = rig.program(`${BOTH}
    await also[0].withLock(() => undefined);
    const lockfile = require('proper-lockfile');
    await lockfile.lock('c.json');
    say(String(await also[0].tryAcquire()));
    process.kill(process.pid, 'SIGTERM'); await order();`);
  expect(await program.ended).toEqual({ status: 'SIGTERM', stdout: 'null\n', stderr: '' });
  expect(fs.existsSync(rig.path('c.json.lock'))).toBe(false);
});

test('a lease keeps no process alive', async () => {
  const program = rig.program(`${BOTH} for (const lock of also) await lock.acquire(); say('done');`);
  expect(await program.ended).toEqual({ status: 0, stdout: 'done\n', stderr: '' });
});
