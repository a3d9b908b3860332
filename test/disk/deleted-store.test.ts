import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import fse from 'fs-extra';
import { expect, it } from 'vitest';

const library = fileURLToPath(new URL('../../dist/lib/index.js', import.meta.url));

it('a process that ends after its store was deleted does not bring the store back', () => {
  const parent = mkdtempSync(path.join(tmpdir(), 'lockstep-deleted-'));
  try {
    // It looks whether its journal is still there at most every 100 ms: it must live longer than that.
    const program = `
      import { rmSync } from 'node:fs';
      import { Lock, openStore } from ${JSON.stringify(library)};
      await new Lock('a', { store: openStore(${JSON.stringify(path.join(parent, 'store'))}) }).acquire();
      rmSync(${JSON.stringify(parent)}, { recursive: true });
      setTimeout(() => {}, 150);`;
    execFileSync(process.execPath, ['--input-type=module', '-e', program], { timeout: 20_000 });
    expect(existsSync(parent)).toBe(false);
  } finally {
    fse.removeSync(parent);
  }
});
