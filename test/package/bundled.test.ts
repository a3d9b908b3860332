import fs from 'node:fs';
import path from 'node:path';
import { build } from 'esbuild';
import { rolldown } from 'rolldown';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { BundleRig, PRINTED } from './bundle-rig.ts';
import { ROOT } from './package-rig.ts';

type Format = 'esm' | 'cjs';

let rig: BundleRig;
beforeAll(() => {
  rig = new BundleRig();
});
afterAll(() => rig.end());

const BUNDLERS = {
  async esbuild(format: Format, outfile: string): Promise<void> {
    const options = { bundle: true, platform: 'node', format, outfile, logLevel: 'silent' } as const;
    await build({ ...options, entryPoints: [rig.main] });
  },
  async rolldown(format: Format, file: string): Promise<void> {
    const bundle = await rolldown({ input: rig.main, platform: 'node', logLevel: 'silent' });
    await bundle.write({ file, format });
  },
};

describe.each(['esbuild', 'rolldown'] as const)('a program that %s has bundled', (bundler) => {
  describe.each([
    ['esm', 'mjs'],
    ['cjs', 'cjs'],
  ] as const)('as %s', (format, extension) => {
    const output = () => rig.output(`${bundler}.${extension}`);
    beforeAll(() => BUNDLERS[bundler](format, output()));

    test('holds a lock, is waited for, and starts a command and a module', async () => {
      expect(await rig.run(process.execPath, [output()])).toEqual({ stdout: PRINTED, stderr: '' });
    });

    test('may not use a guarded store without the package that guards it, and the error states why', async () => {
      const refused = rig.run(process.execPath, [output()], { LOCKSTEP_GUARDED: '1' });
      await expect(refused).rejects.toMatchObject({
        code: 1,
        stdout: '',
        stderr: expect.stringMatching(/^STORE_UNSUPPORTED the guarded store .* proper-lockfile/),
      });
    });

    test('uses a guarded store with that package beside it', async () => {
      const packages = path.join(rig.elsewhere, 'node_modules');
      fs.mkdirSync(packages);
      fs.symlinkSync(`${ROOT}node_modules/proper-lockfile`, path.join(packages, 'proper-lockfile'));
      const { stdout, stderr } = await rig.run(process.execPath, [output()], { LOCKSTEP_GUARDED: '1' });
      fs.rmSync(packages, { recursive: true });
      expect({ stdout, stderr }).toEqual({ stdout: PRINTED, stderr: '' });
    });
  });
});
