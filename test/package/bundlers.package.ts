import fs from 'node:fs';
import { build } from 'esbuild';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { BundleRig, PRINTED } from './bundle-rig.ts';
import { run } from './package-rig.ts';

// The tools are fetched first, which takes longer than the tests.
vi.setConfig({ testTimeout: 240_000 });

let rig: BundleRig;
beforeAll(() => {
  rig = new BundleRig();
});
afterAll(() => rig.end());

/** Runs a tool from the registry, which is no dependency: it is large, and only needed here. */
function tool(packages: readonly string[], ...words: string[]): Promise<{ stdout: string; stderr: string }> {
  const options = packages.map((name) => `--package=${name}`);
  return run('npm', ['exec', '--yes', ...options, '--', ...words], { cwd: rig.app });
}

test.each([
  ['esm', 'mjs'],
  ['cjs', 'cjs'],
])(
  'a program that webpack has bundled as %s holds a lock, is waited for, and starts processes',
  async (format, type) => {
    const config = {
      ...{ mode: 'none', target: 'node20', entry: rig.main },
      experiments: { outputModule: format === 'esm' },
      output: { path: rig.elsewhere, filename: `webpack.${type}`, module: format === 'esm' },
    };
    fs.writeFileSync(`${rig.app}/webpack.config.cjs`, `module.exports = ${JSON.stringify(config)};\n`);
    await tool(['webpack@5', 'webpack-cli@7'], 'webpack', '--config', 'webpack.config.cjs');
    expect(await rig.run(process.execPath, [rig.output(`webpack.${type}`)])).toEqual({ stdout: PRINTED, stderr: '' });
  },
);

test.each(['main', 'commonMain'] as const)(
  'a program that ncc has bundled (%s) holds a lock, is waited for, and starts processes',
  async (main) => {
    const output = rig.output(`ncc-${main}`);
    await tool(['@vercel/ncc@0'], 'ncc', 'build', rig[main], '--out', output);
    const [file = ''] = fs.readdirSync(output).filter((name) => name.startsWith('index.'));
    expect(await rig.run(process.execPath, [`${output}/${file}`])).toEqual({ stdout: PRINTED, stderr: '' });
  },
);

const RUNTIMES = [
  ['Bun', ['bun@1'], ['bun']],
  ['Deno', ['deno@2'], ['deno', 'run', '--allow-all']],
] as const;

/** It has no file that could be run again as the process of a module; a command is another program. */
const SINGLE = `
import { Lock, openStore, Process } from 'lockstep';

async function main([place, module]) {
  const lock = new Lock('deploy', { store: openStore(place) });
  const lease = await lock.acquire();
  const command = new Process({ command: ['sleep', '1.2'] });
  command.start();
  console.log('command', await command.join());
  console.log('held', lease.held, 'refused', (await lock.tryAcquire()) === null);
  await lease.release();
  new Process({ module, args: [lock] }).start();
}

main(process.argv.slice(2)).catch((error) => console.log(error.code, error.message));
`;

test('a single executable of Node holds a lock and starts a command, and says why it starts no module', async () => {
  const [bundle, blob, program] = ['sea.cjs', 'sea.blob', 'sea'].map((name) => rig.output(name)) as [
    string,
    string,
    string,
  ];
  fs.writeFileSync(`${rig.app}/sea.mjs`, SINGLE);
  await build({
    bundle: true,
    platform: 'node',
    outfile: bundle,
    entryPoints: [`${rig.app}/sea.mjs`],
    logLevel: 'silent',
  });
  const config = { main: bundle, output: blob, disableExperimentalSEAWarning: true };
  fs.writeFileSync(`${rig.app}/sea.json`, JSON.stringify(config));
  await run(process.execPath, ['--experimental-sea-config', `${rig.app}/sea.json`]);
  fs.copyFileSync(process.execPath, program);
  const fuse = ['--sentinel-fuse', 'NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2'];
  await tool(['postject@1.0.0-alpha.6'], 'postject', program, 'NODE_SEA_BLOB', blob, ...fuse);
  const { stdout } = await rig.run(program, []);
  expect(stdout).toMatch(/^command 0\nheld true refused true\nSTART_FAILED .*give it a command instead/);
});

test.each(RUNTIMES)(
  'a program in %s, of modules or CommonJS, holds a lock, is waited for, and starts processes',
  async (runtime, packages, words) => {
    for (const main of ['main', 'commonMain'] as const) {
      const store = rig.output(`${runtime}-${main}-store`);
      const { stdout } = await tool(packages, ...words, rig[main], store, rig.output('module.mjs'));
      expect(stdout, main).toBe(PRINTED);
    }
  },
);

test.each(RUNTIMES)(
  'the command line in %s, where Node is not installed, runs a command under a lock',
  async (runtime, packages, words) => {
    const store = rig.output(`${runtime}-command`);
    const command = ['run', '--dir', store, 'x', '--', 'sh', '-c', 'echo in $LOCKSTEP_NAME; exit 3'];
    const main = `${rig.app}/node_modules/lockstep/dist/cli/main.js`;
    await expect(tool(packages, ...words, main, ...command)).rejects.toMatchObject({ code: 3, stdout: 'in x\n' });
  },
);

test.each(RUNTIMES)(
  'a bundle in %s holds a lock, is waited for, and starts processes',
  async (runtime, packages, words) => {
    const bundle = rig.output(`${runtime}.mjs`);
    const options = { bundle: true, platform: 'node', format: 'esm', logLevel: 'silent' } as const;
    await build({ ...options, outfile: bundle, entryPoints: [rig.main] });
    const { stdout } = await tool(
      packages,
      ...words,
      bundle,
      rig.output(`${runtime}-bundled`),
      rig.output('module.mjs'),
    );
    expect(stdout).toBe(PRINTED);
  },
);
