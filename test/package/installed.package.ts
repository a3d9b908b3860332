import fs from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { InstalledApp } from './installed-app.ts';
import { PACK, ROOT } from './package-rig.ts';

const installed = new InstalledApp();
const { directory, root: app, command } = installed;

beforeAll(() => installed.install());
afterAll(() => installed.end());

const lockstep = (...args: string[]) => runHere(command, args);
const runHere: InstalledApp['run'] = (...call) => installed.run(...call);

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
  const { stdout } = await runHere(command, args, { LOCKSTEP_GUARDED: '1' });
  expect(stdout).toBe('kept alive\n');
});

test('an installed package shows its demos and its manual', async () => {
  expect((await lockstep('demo', 'tickets', '--think', '0')).stdout).toContain('5 tickets, 10 buyers: 5 sold');
  expect((await lockstep('demo', 'lock')).stdout).toContain('2: acquired again');
  expect((await lockstep('man')).stdout).toMatch(/^\.TH LOCKSTEP 1 /);
  const pack = JSON.parse(fs.readFileSync(path.join(app, 'node_modules/lockstep/package.json'), 'utf8'));
  for (const page of pack.man)
    expect(fs.readFileSync(path.join(app, 'node_modules/lockstep', page), 'utf8')).toMatch(/^\.TH LOCKSTEP 1 /);
});

test('the types of an installed package lead nowhere outside of it', async () => {
  installed.addTypesOfNode();
  fs.writeFileSync(path.join(app, 'main.ts'), "export * from 'lockstep';\n");
  const tsc = `${ROOT}node_modules/.bin/tsc`;
  const strict = '--noEmit --strict --skipLibCheck false --target es2023 --lib es2023,esnext.disposable'.split(' ');
  await expect(runHere(tsc, [...strict, '--module', 'nodenext', '--types', 'node', 'main.ts'])).resolves.toMatchObject({
    stdout: '',
  });
});
