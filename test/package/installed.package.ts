import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { PACK, packInto, ROOT, run } from './package-rig.ts';

let directory: string;
let app: string;

/** Copies a package of the checkout, with what it needs in turn. Without a network, and as npm would lay it out. */
function install(name: string): void {
  const target = path.join(app, 'node_modules', name);
  if (fs.existsSync(target)) return;
  fs.cpSync(`${ROOT}node_modules/${name}`, target, { recursive: true });
  const { dependencies = {} } = JSON.parse(fs.readFileSync(`${target}/package.json`, 'utf8')) as Partial<typeof PACK>;
  for (const each of Object.keys(dependencies)) {
    if (!fs.existsSync(path.join(target, 'node_modules', each))) install(each);
  }
}

beforeAll(async () => {
  directory = fs.mkdtempSync(path.join(os.tmpdir(), 'lockstep-installed-'));
  app = path.join(directory, 'app');
  const { tarball } = await packInto(directory);
  const place = path.join(app, 'node_modules/lockstep');
  fs.mkdirSync(place, { recursive: true });
  await run('tar', ['-xzf', tarball, '-C', place, '--strip-components=1']);
  for (const name of Object.keys(PACK.dependencies)) install(name);
  fs.mkdirSync(path.join(app, 'node_modules/.bin'));
  fs.symlinkSync('../lockstep/dist/cli/main.js', path.join(app, 'node_modules/.bin/lockstep'));
  fs.writeFileSync(path.join(app, 'package.json'), '{"private": true, "type": "module"}\n');
});

afterAll(() => fs.rmSync(directory, { recursive: true, maxRetries: 10, retryDelay: 20 }));

const command = () => path.join(app, 'node_modules/.bin/lockstep');
const lockstep = (...args: string[]) => runHere(command(), args);

/** Runs a program in the app's directory, to its end. */
function runHere(program: string, args: string[], added = {}): Promise<{ stdout: string; stderr: string }> {
  const { NODE_OPTIONS: _, ...env } = process.env;
  return run(program, args, { cwd: app, env: { ...env, LOCKSTEP_DIR: path.join(directory, 'store'), ...added } });
}

/** Runs a program of the app, to its end. */
function node(text: string, ...args: string[]): Promise<{ stdout: string; stderr: string }> {
  const file = path.join(app, 'main.js');
  fs.writeFileSync(file, text);
  return runHere(process.execPath, [file, ...args]);
}

test('an installed package has its command where npx finds it', async () => {
  expect(await runHere('npx', ['--offline', 'lockstep', 'run', 'x', '--', 'echo', 'in'])).toEqual({
    stdout: 'in\n',
    stderr: '',
  });
  expect((await lockstep('--version')).stdout).toBe(`${PACK.version}\n`);
});

test('an installed package has a library that locks, starts processes and edits files', async () => {
  fs.writeFileSync(path.join(app, 'count.json'), '{ "count": 1 }\n');
  fs.writeFileSync(path.join(app, 'child.js'), 'export default (lock) => console.log("child", lock.name);\n');
  const { stdout, stderr } = await node(`
    import { JsonFile, Lock, Process } from 'lockstep';
    const lock = new Lock('deploy');
    await lock.withLock(() => console.log('held'));
    const child = new Process({ module: './child.js', args: [lock] });
    child.start();
    console.log('exit code', await child.join());
    console.log(await new JsonFile('count.json').update((file) => { file.count += 1; }));
  `);
  expect({ stdout, stderr }).toEqual({ stdout: 'held\nchild deploy\nexit code 0\n{ count: 2 }\n', stderr: '' });
});

/** Ends when a session of the store that is named last is kept alive. */
const WATCH = `
  import fs from 'node:fs';
  const sessions = process.argv.at(-1) + '/sessions';
  while (!fs.readdirSync(sessions).some((name) => name.endsWith('.lock')))
    await new Promise((resolve) => setTimeout(resolve, 2));
  console.log('kept alive');
`;

test('the keepalive thread of an installed library runs', async () => {
  fs.writeFileSync(path.join(app, 'watch.js'), WATCH);
  const program = `
    import { Lock, openStore } from 'lockstep';
    const store = openStore(process.argv.at(-1), { guarded: true });
    await new Lock('a', { store }).withLock(() => import('./watch.js'));
  `;
  expect((await node(program, path.join(directory, 'library'))).stdout).toBe('kept alive\n');
});

test('the keepalive thread of an installed command line runs', async () => {
  const watch = path.join(app, 'watch.js');
  fs.writeFileSync(watch, WATCH);
  const store = path.join(directory, 'command line');
  const args = ['run', '--dir', store, 'a', '--', process.execPath, watch, store];
  const { stdout } = await runHere(command(), args, { LOCKSTEP_GUARDED: '1' });
  expect(stdout).toBe('kept alive\n');
});

test('an installed package shows its demos and its manual', async () => {
  expect((await lockstep('demo', 'tickets', '--think', '0')).stdout).toContain('5 tickets, 5 sold, 5 went without');
  expect((await lockstep('demo', 'lock')).stdout).toContain('2: acquired again');
  expect((await lockstep('man')).stdout).toMatch(/^\.TH LOCKSTEP 1 /);
  const pack = JSON.parse(fs.readFileSync(path.join(app, 'node_modules/lockstep/package.json'), 'utf8'));
  for (const page of pack.man)
    expect(fs.readFileSync(path.join(app, 'node_modules/lockstep', page), 'utf8')).toMatch(/^\.TH LOCKSTEP 1 /);
});

test('the types of an installed package lead nowhere outside of it', async () => {
  fs.mkdirSync(path.join(app, 'node_modules/@types'));
  for (const name of ['@types/node', 'undici-types'])
    fs.symlinkSync(`${ROOT}node_modules/${name}`, path.join(app, 'node_modules', name));
  fs.writeFileSync(path.join(app, 'main.ts'), "export * from 'lockstep';\n");
  const tsc = `${ROOT}node_modules/.bin/tsc`;
  const strict = '--noEmit --strict --skipLibCheck false --target es2023 --lib es2023,esnext.disposable'.split(' ');
  await expect(runHere(tsc, [...strict, '--module', 'nodenext', '--types', 'node', 'main.ts'])).resolves.toMatchObject({
    stdout: '',
  });
});
