import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import fs from 'node:fs';
import readline from 'node:readline';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { BundleRig, PRINTED } from './bundle-rig.ts';
import { run } from './package-rig.ts';

// Bun is fetched first.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 240_000 });

/** Debian's package `musl`. */
const LOADER = '/lib/ld-musl-x86_64.so.1';
const LIBRARIES = { 'libstdc++.so.6': '/usr/lib/x86_64-linux-gnu', 'libgcc_s.so.1': '/lib/x86_64-linux-gnu' };

function missing(): string[] {
  if (`${process.platform} ${process.arch}` !== 'linux x64') return ['Linux on x64'];
  const files = [LOADER, ...Object.entries(LIBRARIES).map(([name, place]) => `${place}/${name}`)];
  const absent = files.filter((file) => !fs.existsSync(file));
  try {
    execFileSync('cc', ['--version'], { stdio: 'ignore' });
  } catch {
    absent.push('cc');
  }
  return absent;
}

/**
 * What those libraries, which were built beside glibc, need of it, and musl has not got. Bun throws no C++ exception on the way of
 * these tests, and its threads may end without the destructors of theirs.
 */
const FROM_GLIBC = `
typedef unsigned long size_t;
extern int getentropy(void *, size_t);
extern size_t strftime_l(char *, size_t, const char *, const void *, void *);
unsigned arc4random(void) { unsigned random; getentropy(&random, sizeof random); return random; }
size_t __strftime_l(char *s, size_t n, const char *f, const void *t, void *l) { return strftime_l(s, n, f, t, l); }
int __cxa_thread_atexit_impl(void (*f)(void *), void *o, void *d) { return 0; }
char __libc_single_threaded = 0;
int _dl_find_object(void *address, void *found) { return -1; }
int __cpu_indicator_init(void) { return 0; }
unsigned __cpu_model[8];
`;

/**
 * Bun for musl, under Debian's loader of musl in a directory of its own, where the loader looks for its list of libraries. No file of
 * the system is changed, and no variable is set that a child would inherit. (There is no Node for musl in the registry.)
 */
async function bunOnMusl(place: string): Promise<string> {
  for (const name of ['lib', 'etc', 'needed']) fs.mkdirSync(`${place}/${name}`);
  const loader = `${place}/lib/ld`;
  fs.copyFileSync(LOADER, loader);
  fs.writeFileSync(`${place}/etc/ld-musl-x86_64.path`, `${place}/needed\n`);
  for (const [name, from] of Object.entries(LIBRARIES)) fs.copyFileSync(`${from}/${name}`, `${place}/needed/${name}`);
  fs.writeFileSync(`${place}/needed.c`, FROM_GLIBC);
  const shared = ['-shared', '-fPIC', '-nostdlib', '-o', `${place}/needed/ld-linux-x86-64.so.2`];
  await run('cc', [...shared, `${place}/needed.c`]);
  const { stdout } = await run('npm', ['pack', '--silent', '@oven/bun-linux-x64-musl@1'], { cwd: place });
  await run('tar', ['-xzf', stdout.trim(), '--strip-components=2', 'package/bin/bun'], { cwd: place });
  const bun = `${place}/bun`;
  const bytes = fs.readFileSync(bun);
  const at = bytes.indexOf(`${LOADER}\0`);
  expect(loader.length).toBeLessThanOrEqual(LOADER.length);
  bytes.fill(0, at, at + LOADER.length).write(loader, at, 'latin1');
  fs.writeFileSync(bun, bytes, { mode: 0o755 });
  return bun;
}

/** Acquires a lock, prints whether another one had it, and that it is in; then keeps it until it is killed. */
const HOLDER = `
const { Lock, openStore } = require('lockstep');
const lock = new Lock('a', { store: openStore(process.argv[2]) });
(async () => {
  const isFree = (await lock.tryAcquire()) !== null;
  console.log(isFree ? 'free' : 'held');
  if (!isFree) await lock.acquire();
  console.log('in');
  setInterval(() => undefined, 1_000);
})();
`;

const absent = missing();

describe.skipIf(absent.length > 0)(`Bun for musl (skipped without ${absent.join(', ') || 'musl'})`, () => {
  let rig: BundleRig;
  let place: string;
  let bun: string;
  const started: ChildProcess[] = [];
  beforeAll(async () => {
    rig = new BundleRig();
    // A short path: it must fit into the place of the loader's own.
    place = fs.mkdtempSync('/tmp/ls-');
    bun = await bunOnMusl(place);
    fs.writeFileSync(`${rig.app}/holder.cjs`, HOLDER);
  });
  afterAll(() => {
    for (const child of started) child.kill('SIGKILL');
    rig.end();
    fs.rmSync(place, { recursive: true });
  });

  test('is a process with musl, and not with glibc', async () => {
    const { stdout } = await run(bun, ['-e', "console.log(require('fs').readFileSync('/proc/self/maps', 'latin1'))"]);
    expect(stdout).toContain(`${place}/lib/ld`);
    expect(stdout).not.toMatch(/libc\.so\.6|libc-2/);
  });

  test.each(['main', 'commonMain'] as const)('holds a lock, is waited for, and starts processes (%s)', async (main) => {
    const { stdout } = await run(bun, [rig[main], rig.output(`musl-${main}`), rig.output('module.mjs')], {
      cwd: rig.app,
    });
    expect(stdout).toBe(PRINTED);
  });

  test('runs the command line', async () => {
    const command = [
      'run',
      '--dir',
      rig.output('musl-command'),
      'x',
      '--',
      'sh',
      '-c',
      'echo in $LOCKSTEP_NAME; exit 3',
    ];
    const ended = run(bun, [`${rig.app}/node_modules/lockstep/dist/cli/main.js`, ...command]);
    await expect(ended).rejects.toMatchObject({ code: 3, stdout: 'in x\n' });
  });

  test('and Node with glibc keep each other out, and see each other die', async () => {
    const store = rig.output('musl-and-glibc');
    const start = (program: string) => {
      const child = spawn(program, [`${rig.app}/holder.cjs`, store], { stdio: ['ignore', 'pipe', 'inherit'] });
      started.push(child);
      const lines = readline.createInterface({ input: child.stdout })[Symbol.asyncIterator]();
      return { child, line: async () => (await lines.next()).value };
    };
    const programs = [bun, process.execPath, bun];
    let holder = start(programs[0] ?? '');
    expect([await holder.line(), await holder.line()]).toEqual(['free', 'in']);
    for (const program of programs.slice(1)) {
      const next = start(program);
      expect(await next.line()).toBe('held');
      holder.child.kill('SIGKILL');
      expect(await next.line()).toBe('in');
      holder = next;
    }
  });
});
