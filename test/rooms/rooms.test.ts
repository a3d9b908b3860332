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
  [
    'lib/etcd/client',
    'lib/etcd/client/wrong.ts',
    'lib/store/name.ts',
    "import type { checkName } from '../../store/name.ts';\nexport type X = typeof checkName;",
  ],
  [
    'etcd',
    'lib/primitives/wrong.ts',
    'lib/etcd/client/url.ts',
    "export { parseEtcdUrl } from '../etcd/client/url.ts';",
  ],
  [
    'hot',
    'lib/process/wrong.ts',
    'lib/hot/hot-side.ts',
    "import type { HotSide } from '../hot/hot-side.ts';\nexport type X = HotSide;",
  ],
  ['not-found', 'lib/jobs/wrong.ts', './nowhere.ts', "export { nothing } from './nowhere.ts';"],
  [
    'no-circular',
    'lib/line/one.ts',
    'lib/line/other.ts',
    "import type { B } from './other.ts';\nexport type A = B | 1;",
  ],
];

/** The other half of the circle, which is reported once. */
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

/** The rooms of `lib/` and of `cli/` in their order, from the linter's own configuration: `lib/time`. */
async function rooms(): Promise<string[]> {
  const { default: config } = await import(`${ROOT}.dependency-cruiser.js`);
  return (config.forbidden as Array<{ name: string }>).map(({ name }) => name).filter((name) => name.includes('/'));
}

/** A file of a room. */
function fileOf(room: string): string {
  if (room.endsWith('.ts')) return room;
  const files = fs.readdirSync(path.join(ROOT, room), { recursive: true, encoding: 'utf8' }).sort();
  return `${room}/${files.find((file) => /^(?!index).*\.ts$/.test(file))}`;
}

/** For each room an import of the room behind it, which the rule of the room forbids. */
async function backward(): Promise<Array<(typeof WRONG)[number]>> {
  const all = await rooms();
  return all.flatMap((room, at) => {
    const next = all[at + 1];
    if (next?.split('/')[0] !== room.split('/')[0]) return [];
    const file = room.endsWith('.ts') ? room : `${room}/behind.ts`;
    const imported = fileOf(next as string);
    const statement = `export type * from './${path.relative(path.dirname(file), imported)}';`;
    return [[room, file, imported, statement] as const];
  });
}

test('an import against the direction of the rooms fails, of whichever room and form it is', {
  timeout: 120_000,
}, async () => {
  const { check } = JSON.parse(fs.readFileSync(path.join(ROOT, 'package.json'), 'utf8')).scripts;
  expect(check).toContain('&& depcruise lib cli');
  expect(await violations()).toEqual({ code: 0, found: [] });
  const rules = await backward();
  expect(rules.length).toBeGreaterThan(25);
  const wrong = [...WRONG, ...rules];
  for (const { file, statement } of [HALF, ...wrong.map(([, file, , statement]) => ({ file, statement }))]) {
    fs.mkdirSync(path.dirname(path.join(copy, file)), { recursive: true });
    fs.appendFileSync(path.join(copy, file), `${statement}\n`);
  }
  const { code, found } = await violations();
  expect(found).toEqual(
    expect.arrayContaining(wrong.map(([rule, file, imported]) => `${rule}: ${file} -> ${imported}`)),
  );
  expect(code).toBe(found.length);
});

test('a type that is imported in the middle of a file, where no rule would see it, is refused', async () => {
  fs.writeFileSync(path.join(copy, 'lib/time/inline.ts'), INLINE);
  const { code, output } = await run('biome', 'lint', 'lib/time');
  expect(code).toBe(1);
  expect(output).toContain('lib/time/inline.ts:1:17 plugin');
});
