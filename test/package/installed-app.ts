import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { PACK, packInto, ROOT, run } from './package-rig.ts';

/** A fresh project in which the packed package is installed, with a store of its own. */
export class InstalledApp {
  readonly directory = fs.mkdtempSync(path.join(os.tmpdir(), 'lockstep-installed-'));
  readonly root = path.join(this.directory, 'app');
  readonly command = path.join(this.root, 'node_modules/.bin/lockstep');

  async install(): Promise<void> {
    const { tarball } = await packInto(this.directory);
    const place = path.join(this.root, 'node_modules/lockstep');
    fs.mkdirSync(place, { recursive: true });
    await run('tar', ['-xzf', tarball, '-C', place, '--strip-components=1']);
    for (const name of Object.keys(PACK.dependencies)) this.#copy(name);
    fs.mkdirSync(path.dirname(this.command));
    fs.symlinkSync('../lockstep/dist/cli/main.js', this.command);
    fs.writeFileSync(path.join(this.root, 'package.json'), '{"private": true, "type": "module"}\n');
  }

  /** Links the types of Node into the project, as `npm install --save-dev @types/node` would. */
  addTypesOfNode(): void {
    fs.mkdirSync(path.join(this.root, 'node_modules/@types'));
    for (const name of ['@types/node', 'undici-types'])
      fs.symlinkSync(`${ROOT}node_modules/${name}`, path.join(this.root, 'node_modules', name));
  }

  /** Runs a program in the project's directory, to its end. Rejects unless it succeeds. */
  run(program: string, args: string[], added = {}): Promise<{ stdout: string; stderr: string }> {
    const own = { LOCKSTEP_DIR: path.join(this.directory, 'store') };
    return run(program, args, { cwd: this.root, env: { ...process.env, ...own, ...added } });
  }

  end(): void {
    fs.rmSync(this.directory, { recursive: true, maxRetries: 10, retryDelay: 20 });
  }

  /** Copies a package of the checkout, with what it needs in turn. Without a network, and as npm would lay it out. */
  #copy(name: string): void {
    const target = path.join(this.root, 'node_modules', name);
    if (fs.existsSync(target)) return;
    fs.cpSync(`${ROOT}node_modules/${name}`, target, { recursive: true });
    const { dependencies = {} } = JSON.parse(fs.readFileSync(`${target}/package.json`, 'utf8')) as Partial<typeof PACK>;
    for (const each of Object.keys(dependencies)) {
      if (!fs.existsSync(path.join(target, 'node_modules', each))) this.#copy(each);
    }
  }
}
