import { execFile } from 'node:child_process';
import fs from 'node:fs';
import { isBuiltin } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

export const ROOT = fileURLToPath(new URL('../../', import.meta.url));
export const PACK = JSON.parse(fs.readFileSync(`${ROOT}package.json`, 'utf8')) as {
  version: string;
  dependencies: Record<string, string>;
  exports: Record<string, object>;
};

/** Runs a program to its end. Rejects unless it succeeds. */
export const run = promisify(execFile);

/** Packs the package as it would be published, without building it anew, and returns the tarball and what is in it. */
export async function packInto(directory: string): Promise<{ tarball: string; files: string[] }> {
  const args = ['pack', '--ignore-scripts', '--json', '--pack-destination', directory];
  const { stdout } = await run('npm', args, { cwd: ROOT });
  const [{ filename, files }] = JSON.parse(stdout) as [{ filename: string; files: Array<{ path: string }> }];
  return { tarball: path.join(directory, filename), files: files.map((file) => file.path) };
}

/** The name of the package that an import names, or null for a file and for what Node has itself. */
export function packageOf(specifier: string): string | null {
  if (/^[./]/.test(specifier) || isBuiltin(specifier)) return null;
  return /^(@[^/]+\/)?[^/]+/.exec(specifier)?.[0] ?? null;
}
