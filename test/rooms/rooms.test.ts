import { execFile } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const COPIED = [
  'lib',
  'cli',
  'package.json',
  'tsconfig.json',
  'biome.json',
  'inline-import-types.grit',
  '.dependency-cruiser.js',
];

/** Imports that the house does not allow, each in a file of its own, and the rule that each breaks. */
const WRONG: ReadonlyArray<[rule: string, file: string, imported: string, statement: string]> = [
  [
    'lib/time',
    'lib/time/wrong.ts',
    'lib/host/host.ts',
    "import type { Host } from '../host/host.ts';\nexport type X = Host;",
  ],
  ['lib/errors.ts', 'lib/errors.ts', 'lib/time/duration.ts', "export * from './time/duration.ts';"],
  ['lib', 'lib/store/wrong.ts', 'cli/output/exit.ts', "export { EXIT } from '../../cli/output/exit.ts';"],
  ['cli/text', 'cli/text/wrong.ts', 'cli/output/exit.ts', "export const later = () => import('../output/exit.ts');"],
  [
    'command',
    'cli/commands/run/wrong.ts',
    'cli/commands/job/plan.ts',
    "import { type JobPlan } from '../job/plan.ts';\nexport type X = JobPlan;",
  ],
  [
    'entries',
    'cli/report/wrong.ts',
    'lib/jobs/stuck.ts',
    "import type { StuckRun } from '../../lib/jobs/stuck.ts';\nexport type X = StuckRun;",
  ],
  ['entries-are-last', 'lib/process/wrong.ts', 'lib/jobs/index.ts', "export { tookMs } from '../jobs/index.ts';"],
  ['no-room', 'lib/cellar/wrong.ts', 'lib/errors.ts', "export { LockstepError } from '../errors.ts';"],
  ['not-found', 'lib/jobs/wrong.ts', './nowhere.ts', "export { nothing } from './nowhere.ts';"],
  [
    'no-circular',
    'lib/line/one.ts',
    'lib/line/other.ts',
    "import type { B } from './other.ts';\nexport type A = B | 1;",
  ],
];

/** The other half of the circle, which is told of once. */
const HALF = { file: 'lib/line/other.ts', statement: "import type { A } from './one.ts';\nexport type B = A | 2;" };

const INLINE = "export type X = import('../host/host.ts').Host;\n";

let copy: string;

beforeAll(() => {
  copy = fs.mkdtempSync(path.join(os.tmpdir(), 'lockstep-rooms-'));
  for (const name of COPIED) fs.cpSync(path.join(ROOT, name), path.join(copy, name), { recursive: true });
  fs.symlinkSync(path.join(ROOT, 'node_modules'), path.join(copy, 'node_modules'));
});

afterAll(() => fs.rmSync(copy, { recursive: true, force: true }));

/** Runs a program of node_modules on the copy. */
function run(program: string, ...args: string[]): Promise<{ code: number; output: string }> {
  return new Promise((resolve) => {
    const file = path.join(ROOT, 'node_modules/.bin', program);
    execFile(file, args, { cwd: copy, env: { ...process.env, NO_COLOR: '1' } }, (error, stdout, stderr) => {
      resolve({ code: typeof error?.code === 'number' ? error.code : 0, output: stdout + stderr });
    });
  });
}

/** What the rules that `npm run check` applies find wrong: `rule: from -> to`. */
async function violations(): Promise<{ code: number; found: string[] }> {
  const { code, output } = await run('depcruise', '--output-type', 'err', 'lib', 'cli');
  const found = output.matchAll(/^\s*error (\S+): (\S+) → \s*(\S+)/gm);
  return { code, found: [...found].map(([, rule, from, to]) => `${rule}: ${from} -> ${to}`).sort() };
}

test('an import against the direction of the rooms fails, of whichever form it is', async () => {
  const { check } = JSON.parse(fs.readFileSync(path.join(ROOT, 'package.json'), 'utf8')).scripts;
  expect(check).toContain('&& depcruise lib cli');
  expect(await violations()).toEqual({ code: 0, found: [] });
  for (const { file, statement } of [HALF, ...WRONG.map(([, file, , statement]) => ({ file, statement }))]) {
    fs.mkdirSync(path.dirname(path.join(copy, file)), { recursive: true });
    fs.appendFileSync(path.join(copy, file), `${statement}\n`);
  }
  expect(await violations()).toEqual({
    code: WRONG.length,
    found: WRONG.map(([rule, file, imported]) => `${rule}: ${file} -> ${imported}`).sort(),
  });
});

test('a type that is imported in the middle of a file, where no rule would see it, is refused', async () => {
  fs.writeFileSync(path.join(copy, 'lib/time/inline.ts'), INLINE);
  const { code, output } = await run('biome', 'lint', 'lib/time');
  expect(code).toBe(1);
  expect(output).toContain('lib/time/inline.ts:1:17 plugin');
});
