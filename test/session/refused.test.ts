import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Rig } from '../support/cli-rig.ts';

const LIBRARY = new URL('../../dist/lib/index.js', import.meta.url).href;
/** Node 24 has stabilized it. */
const PERMISSION = process.allowedNodeEnvironmentFlags.has('--permission')
  ? '--permission'
  : '--experimental-permission';
/** Root is exempt from the limit of processes and threads. */
const AS_NOBODY = ['--reuid=65534', '--regid=65534', '--clear-groups'];
const canLimit = spawnSync('setpriv', [...AS_NOBODY, 'prlimit', '--nproc=0:0', 'true']).status === 0;

let rig: Rig;
beforeEach(() => {
  rig = new Rig();
  fs.chmodSync(rig.path('.'), 0o777);
});
afterEach(() => rig.end());

/** Holds a lock for longer than it takes until a keepalive starts. */
function program(place: string, guarded: boolean, first = ''): string {
  return rig.write(
    'program.mjs',
    `import { execFileSync } from 'node:child_process';
     import { Lock, openStore } from ${JSON.stringify(LIBRARY)};
     ${first}
     const lock = new Lock('deploy', { store: openStore(${JSON.stringify(place)}, { guarded: ${guarded} }) });
     const lease = await lock.acquire();
     await new Promise((resolve) => setTimeout(resolve, 600));
     console.log(lease.held, (await lock.tryAcquire()) === null);
     await lease.release();
     console.log('released');`,
  );
}

describe.each([
  ['a store', false],
  ['a guarded store', true],
])('%s', (_, guarded) => {
  test('is usable with Node’s permission to read and write alone: no process and no thread may be started', async () => {
    const permissions = [PERMISSION, '--allow-fs-read=*', '--allow-fs-write=*', '--no-warnings'];
    const file = program(rig.path('store'), guarded);
    const { status, stdout, stderr } = await rig.start(process.execPath, [...permissions, file]).ended;
    expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: 'true true\nreleased\n', stderr: '' });
  });

  test.runIf(canLimit)('is usable where the system starts no more processes and threads', async () => {
    const file = program(
      rig.path('store'),
      guarded,
      `execFileSync('prlimit', ['--nproc=0:0', '--pid', String(process.pid)]);`,
    );
    const { status, stdout, stderr } = await rig.start('setpriv', [...AS_NOBODY, process.execPath, file]).ended;
    expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: 'true true\nreleased\n', stderr: '' });
  });
});

test('a store is usable if Node’s permissions allow to read and write in it alone, and to read the program', async () => {
  const store = rig.path('store');
  fs.mkdirSync(store, { mode: 0o700 });
  const file = program(store, false);
  const code = [`${rig.path('program')}*`, `${fileURLToPath(new URL('../../', LIBRARY))}*`, `${store}*`];
  const allowed = [...code.map((path) => `--allow-fs-read=${path}`), `--allow-fs-write=${store}*`];
  const { status, stdout, stderr } = await rig.start(process.execPath, [
    ...[PERMISSION, '--no-warnings', ...allowed, file],
  ]).ended;
  expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: 'true true\nreleased\n', stderr: '' });
});

test('a store that Node’s permissions refuse is an error of Lockstep', async () => {
  const file = program(rig.path('store'), false);
  const { status, stderr } = await rig.start(process.execPath, [PERMISSION, '--allow-fs-read=*', '--no-warnings', file])
    .ended;
  expect(status).toBe(1);
  expect(stderr).toContain("code: 'STORE_DENIED'");
});
