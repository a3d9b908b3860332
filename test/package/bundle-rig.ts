import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { PACK, ROOT, run } from './package-rig.ts';

/** A program with Lockstep: it holds a lock for over a second while a module's process waits for it, and maps items. */
const PROGRAM = `
import { Lock, map, openStore, Process } from 'lockstep';

async function main([place, module]) {
  const lock = new Lock('deploy', { store: openStore(place) });
  const lease = await lock.acquire();
  const child = new Process({ module, args: [lock] });
  child.start();
  const command = new Process({ command: ['true'] });
  command.start();
  console.log('command', await command.join());
  for (const end = Date.now() + 1_200; Date.now() < end || (await lock.inspect()).entries.length < 2; )
    await new Promise((resolve) => setTimeout(resolve, 10));
  console.log('held', lease.held, 'refused', (await lock.tryAcquire()) === null);
  await lease.release();
  console.log('module', await child.join());
  console.log('mapped', ...(await map([new Map([[1, lock]]), new Map()], { module, export: 'names', processes: 2 })));
}

main(process.argv.slice(2)).catch((error) => {
  console.error(error.code, error.message);
  process.exitCode = 1;
});
`;
/** The same in CommonJS. */
const COMMON_PROGRAM = PROGRAM.replace(/import (\{.*\}) from 'lockstep';/, "const $1 = require('lockstep');");
/** It is in no bundle, and finds no package: it gets a lock that is ready to use. */
const MODULE = `
export default async (lock) => {
  await lock.withLock(() => console.log('in', lock.name));
};
export const names = (locks) => [...locks.values()].map(({ name }) => name).join();
`;
/** Its output, the same with every bundler. */
export const PRINTED = 'command 0\nheld true refused true\nin deploy\nmodule 0\nmapped deploy \n';

/** The files of an app that is bundled here and runs elsewhere, without any package. */
export class BundleRig {
  readonly app = fs.mkdtempSync(path.join(os.tmpdir(), 'lockstep-bundle-'));
  readonly elsewhere = fs.mkdtempSync(path.join(os.tmpdir(), 'lockstep-bundled-'));
  readonly main = path.join(this.app, 'main.mjs');
  readonly commonMain = path.join(this.app, 'main.cjs');

  constructor() {
    const place = path.join(this.app, 'node_modules/lockstep');
    fs.cpSync(`${ROOT}dist`, path.join(place, 'dist'), { recursive: true });
    fs.cpSync(`${ROOT}package.json`, path.join(place, 'package.json'));
    for (const name of Object.keys(PACK.dependencies))
      fs.symlinkSync(`${ROOT}node_modules/${name}`, path.join(this.app, 'node_modules', name));
    fs.writeFileSync(path.join(this.app, 'package.json'), '{"private": true, "dependencies": {"lockstep": "*"}}\n');
    fs.writeFileSync(this.main, PROGRAM);
    fs.writeFileSync(this.commonMain, COMMON_PROGRAM);
    fs.writeFileSync(path.join(this.elsewhere, 'module.mjs'), MODULE);
  }

  /** Where a bundle is to be written. */
  output(name: string): string {
    return path.join(this.elsewhere, name);
  }

  /** Runs a bundle where there is neither the library nor any other package. */
  run(program: string, args: readonly string[], added = {}): Promise<{ stdout: string; stderr: string }> {
    const packages = path.join(this.app, 'node_modules');
    fs.renameSync(packages, `${packages}-away`);
    const store = fs.mkdtempSync(path.join(this.elsewhere, 'store-'));
    return run(program, [...args, store, path.join(this.elsewhere, 'module.mjs')], {
      cwd: this.elsewhere,
      env: { ...process.env, ...added },
    }).finally(() => fs.renameSync(`${packages}-away`, packages));
  }

  end(): void {
    for (const directory of [this.app, this.elsewhere])
      fs.rmSync(directory, { recursive: true, maxRetries: 10, retryDelay: 20 });
  }
}
