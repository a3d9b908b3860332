import { fork } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { runtimeOptions } from '../../lib/process/runtime-options.ts';
import { type Result, Rig } from '../support/cli-rig.ts';

const LIBRARY = JSON.stringify(new URL('../../dist/lib/index.js', import.meta.url).href);
/** Enough for the generations of a program that starts itself to show; then it ends. */
const MAX_DEPTH = 3;
const IMPORTS = `
import { fileURLToPath, pathToFileURL } from 'node:url';
import { setTimeout as delay } from 'node:timers/promises';
import { Process } from ${LIBRARY};
`;
/** Starts this file as a module, and prints how that ended. */
const MAIN = `
const depth = Number(process.env.DEPTH ?? 0);
console.log('main', depth);
if (depth === ${MAX_DEPTH}) process.exit(9);
const child = new Process({ module: import.meta.url, args: [depth], env: { ...process.env, DEPTH: depth + 1 } });
child.start();
console.log(await child.result().catch((error) => error.code + ' ' + error.message), await child.join());
`;
const WORK = `
export default (depth) => 'worked ' + depth;
`;

let rig: Rig;
beforeEach(() => {
  rig = new Rig();
  rig.write('package.json', '{"type": "module"}');
});
afterEach(() => rig.end());

function run(words: readonly string[], options: { input?: string; cwd?: string; env?: Record<string, string> } = {}) {
  return rig.start(process.execPath, words, { input: '', ...options }).ended;
}

function node(text: string): Promise<Result> {
  return run([rig.write('main.mjs', IMPORTS + text)]);
}

describe('a file that is both main and the module of its Process', () => {
  test.each([
    ['process.argv[1] and its own path', 'process.argv[1] === fileURLToPath(import.meta.url)'],
    ['process.argv[1] and its own URL', 'pathToFileURL(process.argv[1] ?? "").href === import.meta.url'],
  ])('runs main’s code once, where it is behind a check of %s', async (_, check) => {
    const { status, stdout } = await node(`${WORK} if (${check}) {${MAIN}}`);
    expect({ status, stdout }).toEqual({ status: 0, stdout: 'main 0\nworked 0 0\n' });
  });

  test('runs main’s code once, where it is CommonJS and behind a check of require.main', async () => {
    const common = MAIN.replace('import.meta.url', '__filename');
    const text = `const work = (depth) => 'worked ' + depth; module.exports = work;
      if (require.main === module) import(${LIBRARY}).then(async ({ Process }) => {${common}});`;
    const { status, stdout } = await run([rig.write('main.cjs', text)]);
    expect({ status, stdout }).toEqual({ status: 0, stdout: 'main 0\nworked 0 0\n' });
  });

  test.each([
    ['at once', MAIN],
    ['later', `const main = async () => { await delay(1);${MAIN}}; main().catch((error) => { throw error; });`],
    ['from a timer', `setTimeout(async () => {${MAIN}}, 1);`],
  ])(
    'is refused to start children from a child, where main’s code is behind no check and starts them %s',
    async (_, main) => {
      const { status, stdout, stderr } = await node(`${WORK} ${main}`);
      expect(status).toBe(0);
      expect(stdout).toMatch(/^main 0\nmain 1\n/);
      expect(stdout).not.toContain('main 2');
      expect(stderr).toContain('has finished its bootstrapping phase');
      expect(stderr).toContain('if (process.argv[1] === fileURLToPath(import.meta.url))');
    },
  );

  test('is refused them from what is loaded before the module, too', async () => {
    const setup = `${IMPORTS} new Process({ module: ${JSON.stringify(rig.path('work.mjs'))}, args: [0] }).start();`;
    rig.write('work.mjs', WORK);
    const { stderr } = await run(['--import', rig.write('setup.mjs', setup), rig.write('main.mjs', '')]);
    expect(stderr).toContain('has finished its bootstrapping phase');
  });

  test('may start children of its own from the exported function, at any depth', async () => {
    const text = `
      export default async function count(rest) {
        if (rest === 0) return 0;
        const child = new Process({ module: import.meta.url, args: [rest - 1] });
        child.start();
        return 1 + await child.result();
      }
      if (process.argv[1] === fileURLToPath(import.meta.url)) console.log(await count(2));`;
    expect(await node(text)).toEqual({ status: 0, stdout: '2\n', stderr: '' });
  });
});

describe('main’s own way to be started', () => {
  const start = (module: string) => `
    const child = new Process({ module: ${module}, args: [1] });
    child.start();
    child.result().then((result) => console.log(result));`;

  test.each<[string, string[], string]>([
    ['-e', ['--input-type=module', '-e', IMPORTS + start('"./work.mjs"')], ''],
    ['--eval', [`--eval=import(${LIBRARY}).then(({ Process }) => {${start('"./work.mjs"')}})`], ''],
    ['standard input', ['--input-type=module', '-'], IMPORTS + start('"./work.mjs"')],
  ])('%s runs a module', async (_, words, input) => {
    rig.write('work.mjs', WORK);
    expect(await run(words, { input })).toEqual({ status: 0, stdout: 'worked 1\n', stderr: '' });
  });

  test('has no file for a module, where it has none: that is refused', async () => {
    const { stderr } = await run(['--input-type=module', '-e', IMPORTS + start('import.meta.url')]);
    expect(stderr).toContain('this program has no file');
    expect(stderr).toContain('write the function to a file');
  });

  test('by another process with a channel of messages leaves that channel its own', async () => {
    rig.write(
      'work.mjs',
      `export default () => [typeof process.send, process.connected, process.env.NODE_CHANNEL_FD].join();`,
    );
    const text = `
      process.on('message', (message) => { console.log('main got', message); process.disconnect(); });
      ${start('"./work.mjs"')}
      await child.join();
      process.send('from main');`;
    const main = fork(rig.write('main.mjs', IMPORTS + text), {
      cwd: rig.directory,
      execArgv: [],
      stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
    });
    const messages: unknown[] = [];
    main.on('message', (message) => {
      messages.push(message);
      main.send('hello');
    });
    const output = main.stdout?.toArray();
    await once(main, 'close');
    expect(messages).toEqual(['from main']);
    expect((await output)?.join('')).toBe('undefined,,\nmain got hello\n');
  });

  test('node --watch runs modules, and goes on watching', async () => {
    rig.write('work.mjs', WORK);
    const main = rig.write('main.mjs', IMPORTS + start('"./work.mjs"'));
    const program = rig.start(process.execPath, ['--watch', main]);
    await program.says('worked 1');
    fs.appendFileSync(main, 'console.log("again");\n');
    await program.says(/again[\s\S]*worked 1/);
    expect(program.stderr).not.toContain('ERR_');
    program.kill('SIGTERM');
    await program.exited();
  });

  test.each<[string, string[], Record<string, string>]>([
    ['--import', ['--import', './setup.mjs'], {}],
    ['--require', ['--require', './setup.cjs'], {}],
    ['--env-file', ['--env-file=setup.env'], {}],
    ['NODE_OPTIONS', [], { NODE_OPTIONS: '--import ./setup.mjs' }],
  ])(
    'with a relative file in %s works for a child with another cwd, also after main has changed its own',
    async (_, words, env) => {
      rig.write('setup.mjs', 'process.env.SETUP = "done";');
      rig.write('setup.cjs', 'process.env.SETUP = "done";');
      rig.write('setup.env', 'SETUP=done\n');
      rig.write('work.mjs', 'export default () => [process.env.SETUP, process.cwd()].join(" ");');
      fs.mkdirSync(rig.path('sub'));
      const text = `${IMPORTS}
      const results = [];
      for (const cwd of ['sub', undefined]) {
        if (cwd === undefined) process.chdir('sub');
        const child = new Process({ module: new URL('./work.mjs', import.meta.url), cwd });
        child.start();
        console.log(await child.result());
      }`;
      const sub = fs.realpathSync(rig.path('sub'));
      const { stdout } = await run([...words, rig.write('main.mjs', text)], { env });
      expect(stdout).toBe(`done ${sub}\ndone ${sub}\n`);
    },
  );
});

test('a module gets main’s options of Node, but not those that are for main alone', () => {
  const words = [
    '--input-type=module',
    '-e',
    'code',
    '--import',
    './x.mjs',
    '--inspect-brk=0',
    '-p',
    '--env-file=a',
    '--test',
  ];
  expect(
    runtimeOptions([...words, '-pe', 'code', '--input-type', 'module', '--inspect-port', '0', '-C', 'dev']),
  ).toEqual([...['--import', './x.mjs', '--env-file=a', '-C', 'dev']]);
  expect(runtimeOptions(['-p', 'code', '--snapshot-blob', 'x', '--print=code'])).toEqual([]);
});

test.each([
  [
    'export default of TypeScript',
    'default',
    'Object.defineProperty(exports, "__esModule", { value: true }); exports.default = function () { return 7; };',
  ],
  ['a function as the module', 'default', 'module.exports = () => 7;'],
  ['a name that is computed', 'work', 'module.exports = Object.fromEntries([["work", () => 7]]);'],
  ['a name', 'work', 'exports.work = () => 7;'],
])('a function of CommonJS is found: %s', async (_, name, text) => {
  rig.write('work.cjs', text);
  const main = `
    const child = new Process({ module: './work.cjs', export: ${JSON.stringify(name)} });
    child.start();
    console.log(await child.result());`;
  expect(await node(main)).toEqual({ status: 0, stdout: '7\n', stderr: '' });
});

test('a working directory that is missing, or is none, is named, and nothing is started', async () => {
  rig.write('work.mjs', WORK);
  const { stdout } = await node(`
    for (const target of [{ command: ['true'] }, { module: './work.mjs' }])
      for (const cwd of ['none', 'main.mjs']) {
        const child = new Process({ ...target, cwd });
        try { child.start(); } catch (error) { console.log(error.code, error.message, child.pid); }
      }`);
  const lines = stdout.split('\n').slice(0, -1);
  expect(lines).toHaveLength(4);
  for (const line of lines)
    expect(line).toMatch(
      /^START_FAILED .*working directory (none|main\.mjs) (does not exist|is no directory): .* null$/,
    );
});
