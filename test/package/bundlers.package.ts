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

test('a single executable of Node holds a lock, and says why it starts no module', async () => {
  const [bundle, blob, program] = ['sea.cjs', 'sea.blob', 'sea'].map((name) => rig.output(name)) as [
    string,
    string,
    string,
  ];
  await build({ bundle: true, platform: 'node', outfile: bundle, entryPoints: [rig.main], logLevel: 'silent' });
  const config = { main: bundle, output: blob, disableExperimentalSEAWarning: true };
  fs.writeFileSync(`${rig.app}/sea.json`, JSON.stringify(config));
  await run(process.execPath, ['--experimental-sea-config', `${rig.app}/sea.json`]);
  fs.copyFileSync(process.execPath, program);
  const fuse = ['--sentinel-fuse', 'NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2'];
  await tool(['postject@1.0.0-alpha.6'], 'postject', program, 'NODE_SEA_BLOB', blob, ...fuse);
  const refused = rig.run(program, []);
  await expect(refused).rejects.toMatchObject({ code: 1, stderr: expect.stringContaining('START_FAILED') });
  await expect(refused).rejects.toMatchObject({ stderr: expect.stringContaining('give it a command instead') });
});

test.each([
  ['Bun', ['bun@1'], ['bun']],
  // Not Deno: there the process of a module sometimes does not end.
])('a program in %s holds a lock, is waited for, and starts processes', async (runtime, packages, words) => {
  const { stdout } = await tool(packages, ...words, rig.main, rig.output(`${runtime}-store`), rig.output('module.mjs'));
  expect(stdout).toBe(PRINTED);
});

test.each([['Bun', ['bun@1'], ['bun']]])(
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
