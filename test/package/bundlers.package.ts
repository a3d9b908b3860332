import fs from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { BundleRig, PRINTED } from './bundle-rig.ts';
import { run } from './package-rig.ts';

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
])('a program that webpack has bundled as %s holds a lock, is waited for, and starts processes', async (format, type) => {
  const config = {
    ...{ mode: 'production', target: 'node20', entry: rig.main },
    experiments: { outputModule: format === 'esm' },
    output: { path: rig.elsewhere, filename: `webpack.${type}`, module: format === 'esm' },
  };
  fs.writeFileSync(`${rig.app}/webpack.config.cjs`, `module.exports = ${JSON.stringify(config)};\n`);
  await tool(['webpack@5', 'webpack-cli@7'], 'webpack', '--config', 'webpack.config.cjs');
  expect(await rig.run(process.execPath, [rig.output(`webpack.${type}`)])).toEqual({ stdout: PRINTED, stderr: '' });
});

test.each([
  ['esm', 'module'],
  ['cjs', 'commonjs'],
])('a program that ncc has bundled as %s holds a lock, is waited for, and starts processes', async (_, type) => {
  fs.writeFileSync(`${rig.app}/package.json`, JSON.stringify({ type }));
  const output = rig.output(`ncc-${type}`);
  await tool(['@vercel/ncc@0'], 'ncc', 'build', rig.main, '--out', output);
  fs.rmSync(`${rig.app}/package.json`);
  expect(await rig.run(process.execPath, [`${output}/index.js`])).toEqual({ stdout: PRINTED, stderr: '' });
});
