import { execFile } from 'node:child_process';
import fs from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const DOCS = fs.readFileSync(`${ROOT}docs/benchmarks.md`, 'utf8');
const NAMES = [...DOCS.matchAll(/^\| `([\w-]+)` \|/gm)].map(([, name = '']) => name);

async function bench(...words: string[]): Promise<string> {
  const options = { cwd: ROOT, env: { ...process.env, LOCKSTEP_BENCH: 'smoke' }, timeout: 300_000 };
  const { stdout } = await promisify(execFile)(process.execPath, [`${ROOT}build/bench/main.js`, ...words], options);
  return stdout;
}

test('every benchmark that is described runs, and a run that only shows this writes nothing', {
  timeout: 300_000,
}, async () => {
  const before = fs.readFileSync(`${ROOT}README.md`, 'utf8');
  const printed = await bench(...NAMES);
  expect(printed).toMatch(/^Targets: \d+ met, \d+ not met, \d+ not measured$/m);
  expect(printed).not.toMatch(/NaN|Infinity|undefined/);
  expect(fs.readFileSync(`${ROOT}README.md`, 'utf8')).toBe(before);
});

test('a name that is no benchmark is refused, with a list of those that are described', async () => {
  const { stderr, code } = await bench('nothing').catch((error) => error);
  expect(code).toBe(64);
  expect(stderr).toBe(`bench: there is no nothing; there are ${NAMES.join(', ')}\n`);
});
