import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { PACK, packInto, ROOT, run } from './package-rig.ts';

// Each version of TypeScript is fetched first.
vi.setConfig({ testTimeout: 240_000, maxConcurrency: 2 });

const CHECK = fileURLToPath(new URL('check-types.js', import.meta.url));
const ENTRIES = Object.keys(PACK.exports).filter((entry) => entry !== './package.json');

/** Uses what the surface names of Node's, so that a type that is lost there (`any`) is an error. */
const PROGRAM = `${ENTRIES.map((entry, at) => `export * as entry${at} from '${entry.replace('.', 'lockstep')}';`).join('\n')}
import { JsonFile, Lock, LockTimeoutError, Process } from 'lockstep';
import { Credentials, openEtcdStore } from 'lockstep/etcd';
export async function work(): Promise<void> {
  const child = new Process({ command: ['ls'], env: { LANG: 'C' }, output: 'pipe' });
  for await (const piece of child.stdout ?? []) piece satisfies Uint8Array;
  child.kill('SIGTERM');
  // @ts-expect-error no such signal
  child.kill('SIGTREM');
  const lease = await new Lock('a').acquire({ timeout: 1 });
  lease.signal.aborted satisfies boolean;
  await new Lock('b').withLock((inner) => inner.token, { signal: lease.signal });
  // @ts-expect-error no signal
  await new Lock('b').acquire({ signal: 1 });
  await new JsonFile('a').updateBytes((bytes) => (bytes.length satisfies number, bytes));
  // @ts-expect-error bytes are no text
  await new JsonFile('a').updateBytes((bytes: string) => bytes);
  await lease[Symbol.asyncDispose]();
  new LockTimeoutError('a', 1, []).holders satisfies readonly object[];
  const credentials = new Credentials('shop', 'a password');
  const store = openEtcdStore('etcd://h1/shop', { credentials, maxMessageBytes: 1_000 });
  await new Lock('a', { store }).acquire();
  // @ts-expect-error the password would be in what is printed
  openEtcdStore('etcd://h1/shop', { credentials: { user: 'shop', password: 'a password' } });
}
`;

/** With \`@types/node\` the types are Node's own: not one less, and not one more. */
const NODE = `import type { Readable } from 'node:stream';
import type { JsonFile, Lease, Process, ProcessOptions, WaitOptions } from 'lockstep';
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
export const same: [
  Same<Process['stdout'], Readable | null>,
  Same<Process['stderr'], Readable | null>,
  Same<NonNullable<Parameters<Process['kill']>[0]>, NodeJS.Signals>,
  Same<Lease['signal'], AbortSignal>,
  Same<WaitOptions['signal'], AbortSignal | undefined>,
  Same<Parameters<Parameters<JsonFile['updateBytes']>[0]>[0], Buffer>,
  NodeJS.ProcessEnv extends NonNullable<ProcessOptions['env']> ? true : false,
] = [true, true, true, true, true, true, true];
`;

let app: string;

beforeAll(async () => {
  app = fs.mkdtempSync(path.join(os.tmpdir(), 'lockstep-types-'));
  const { tarball } = await packInto(app);
  fs.mkdirSync(`${app}/node_modules/lockstep`, { recursive: true });
  await run('tar', ['-xzf', tarball, '-C', `${app}/node_modules/lockstep`, '--strip-components=1']);
  fs.mkdirSync(`${app}/node_modules/@types`);
  for (const name of ['@types/node', 'undici-types'])
    fs.symlinkSync(`${ROOT}node_modules/${name}`, `${app}/node_modules/${name}`);
  fs.writeFileSync(`${app}/package.json`, '{"private": true, "type": "module"}\n');
  for (const file of ['main.ts', 'main.cts']) fs.writeFileSync(`${app}/${file}`, PROGRAM);
  fs.writeFileSync(`${app}/node.ts`, NODE);
});

afterAll(() => fs.rmSync(app, { recursive: true }));

const KINDS = ['node16', 'nodenext', 'bundler'].flatMap((kind) => [`${kind}, types: []`, `${kind}, types: [node]`]);

test.concurrent.each(['5.4', '5.9', '6.0'])(
  'a program in TypeScript %s, as a module and as CommonJS, has no errors from the types, with and without those of Node',
  async (version) => {
    const args = ['exec', '--yes', `--package=typescript@${version}`, '--', 'node', CHECK];
    const { stdout } = await run('npm', args, { cwd: app });
    const found = JSON.parse(stdout);
    expect(found.version).toMatch(new RegExp(`^${version.replace('.', '\\.')}\\.`));
    expect(found.errors).toEqual(Object.fromEntries(KINDS.map((kind) => [kind, []])));
  },
);

/** Compiles files with the TypeScript of the checkout (7), and resolves to the errors that it printed. */
async function errors(kind: string, types: string[], files: string[]): Promise<string> {
  const resolution = { moduleResolution: kind, module: kind === 'bundler' ? 'preserve' : kind };
  const strict = { strict: true, exactOptionalPropertyTypes: true, skipLibCheck: false, noEmit: true };
  const compilerOptions = { ...strict, ...resolution, target: 'es2022', lib: ['es2022'], types };
  const place = fs.mkdtempSync(`${app}/tsconfig-`);
  fs.writeFileSync(
    `${place}/tsconfig.json`,
    JSON.stringify({ compilerOptions, files: files.map((file) => `../${file}`) }),
  );
  const tsc = `${ROOT}node_modules/.bin/tsc`;
  return run(tsc, ['-p', place]).then(
    ({ stdout }) => stdout,
    ({ stdout }) => stdout,
  );
}

test('a program in TypeScript 7, as a module and as CommonJS, has no errors from the types, with and without those of Node', async () => {
  for (const kind of ['node16', 'nodenext', 'bundler'])
    for (const types of [[], ['node']])
      expect(await errors(kind, types, ['main.ts', 'main.cts']), `${kind} ${types}`).toBe('');
});

test('a program that has the types of Node is given these, and no stand-ins', async () => {
  expect(await errors('nodenext', ['node'], ['node.ts'])).toBe('');
});

test('the package has declarations of its public surface only', () => {
  const folder = `${app}/node_modules/lockstep/dist`;
  const files = fs.readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => /\.d\.c?ts$/.test(name));
  const texts = files.map((name) => fs.readFileSync(path.join(folder, name), 'utf8'));
  expect(texts.length).toBeGreaterThan(10);
  const code = texts.join('').replace(/\/\*\*.*?\*\//gs, '');
  expect(
    code.match(/\b(NodeJS|Files|Host|SyncStore|OwnEntry|EtcdClient)\b|from "node:(?!buffer|stream).*/g),
  ).toBeNull();
  expect(texts.join('').includes('@internal')).toBe(false);
});
