import { rolldown } from 'rolldown';
import { expect, test } from 'vitest';
import { packageOf, ROOT, run } from './package-rig.ts';

/** The modules of the library whose code is in a bundle of a program that imports these names. */
async function modulesFor(names: string): Promise<string[]> {
  const bundle = await rolldown({
    input: 'program',
    platform: 'node',
    external: (specifier) => specifier !== 'lockstep' && packageOf(specifier) !== null && specifier !== 'program',
    plugins: [
      {
        name: 'program',
        resolveId(specifier) {
          if (specifier === 'program') return specifier;
          return specifier === 'lockstep' ? `${ROOT}dist/lib/index.js` : null;
        },
        load: (id) => (id === 'program' ? `import { ${names} } from 'lockstep';\nconsole.log(${names});\n` : null),
      },
    ],
  });
  const { output } = await bundle.generate();
  return output
    .flatMap((chunk) => (chunk.type === 'chunk' ? Object.keys(chunk.modules) : []))
    .filter((id) => id.startsWith(`${ROOT}dist/lib/`))
    .map((id) => id.slice(`${ROOT}dist/lib/`.length));
}

test('a bundle that opens a store has no code of the primitives, the processes, the heartbeat or etcd', async () => {
  const modules = await modulesFor('openStore');
  expect(modules).toContain('stores/open-store.js');
  expect(modules.filter((module) => /^(etcd|primitives|deadlock|process|heartbeat)\//.test(module))).toEqual([]);
});

test.each([
  ['Lock', 'primitives/lock.js', /^(process|etcd)|heartbeat|json-(file|edit)|barrier|semaphore|lock-manager/],
  ['JsonFile', 'primitives/json-file.js', /^process|heartbeat|barrier|semaphore|lock-manager/],
  ['heartbeat', 'heartbeat/heartbeat.js', /^process|primitives|deadlock/],
  ['Process', 'process/process.js', /heartbeat\/|lock-manager/],
])('a bundle that uses %s has its code, and none of what it does not use', async (name, module, others) => {
  const modules = await modulesFor(name);
  expect(modules).toContain(module);
  expect(modules.filter((each) => others.test(each))).toEqual([]);
});

test('importing the library listens to nothing, keeps no process alive and touches no store', async () => {
  const program = `
    const listeners = () => process.eventNames().map((name) => [String(name), process.listenerCount(name)]).sort();
    const before = listeners();
    await import('lockstep');
    console.log(JSON.stringify([before, listeners()]));
  `;
  // A store that cannot be made: any use of it would throw.
  const env = { ...process.env, LOCKSTEP_DIR: '/dev/null/store' };
  const { stdout } = await run(process.execPath, ['--input-type=module', '-e', program], { cwd: ROOT, env });
  const [before, after] = JSON.parse(stdout);
  expect(after).toEqual(before);
});
