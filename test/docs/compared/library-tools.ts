import fs from 'node:fs';
import { createRequire } from 'node:module';
import type { Rig } from '../../support/cli-rig.ts';
import { isRunnable, printed, type Tool } from './tool.ts';

const PROPER_LOCKFILE = createRequire(import.meta.url).resolve('proper-lockfile');
/** Debian's Python, which has Debian's filelock; another one may stand before it on the path. */
const PYTHON = ['/usr/bin/python3', 'python3'].find((python) => isRunnable(python, '-c', 'import filelock')) ?? '';

interface Course {
  /** It polls until it has the lock, as both libraries do; else it ends with 1. */
  waits: boolean;
  /** Behind its release. */
  asksAgain: boolean;
}

export function properLockfile(rig: Rig): Tool {
  rig.write('target', '');
  const words = ({ waits, asksAgain }: Course) => [
    process.execPath,
    '-e',
    `const { lock } = require(${JSON.stringify(PROPER_LOCKFILE)});
    const attempt = () => lock('target').catch((error) => {
      if (error.code !== 'ELOCKED') throw error;
    });
    (async () => {
      let release = await attempt();
      if (!release && !${waits}) process.exit(1);
      while (!release) {
        console.log('waits');
        // As long as its own first pause between retries.
        await new Promise((resolve) => setTimeout(resolve, 1_000));
        release = await attempt();
      }
      console.log('in', process.pid);
      await (await require('node:fs/promises').open('gate')).read(Buffer.alloc(1));
      await release();
      if (${asksAgain}) console.log((await attempt()) ? 'again' : 'behind');
      process.exit();
    })();`,
  ];
  return {
    name: '`proper-lockfile`',
    isWrapper: false,
    isThere: true,
    hold: words({ waits: true, asksAgain: false }),
    attempt: words({ waits: false, asksAgain: false }),
    again: words({ waits: true, asksAgain: true }),
    isWaiting: ({ stdout }) => stdout.includes('waits'),
    shared: null,
    two: null,
    manual: () => fs.readFileSync(PROPER_LOCKFILE.replace(/index\.js$/, 'README.md'), 'utf8'),
    token: null,
    says: () => fs.readdirSync(rig.path('target.lock')).join('\n'),
  };
}

export function filelock(rig: Rig): Tool {
  const words = ({ waits, asksAgain }: Course) => [
    PYTHON,
    '-c',
    [
      'import filelock, os, sys',
      'lock = filelock.FileLock("python.lock")',
      'try: lock.acquire(timeout=0)',
      'except filelock.Timeout:',
      waits ? '  print("waits", flush=True); lock.acquire()' : '  sys.exit(1)',
      'print("in", os.getpid(), flush=True)',
      'open("gate").readline()',
      'lock.release()',
      ...(asksAgain
        ? ['try: lock.acquire(timeout=0); print("again")', 'except filelock.Timeout: print("behind")']
        : []),
    ].join('\n'),
  ];
  return {
    name: '`filelock`',
    isWrapper: false,
    isThere: PYTHON !== '',
    hold: words({ waits: true, asksAgain: false }),
    attempt: words({ waits: false, asksAgain: false }),
    again: words({ waits: true, asksAgain: true }),
    isWaiting: ({ stdout }) => stdout.includes('waits'),
    shared: null,
    two: null,
    manual: () => printed(PYTHON, '-c', 'import filelock; help(filelock.FileLock)'),
    token: null,
    says: () => fs.readFileSync(rig.path('python.lock'), 'utf8'),
  };
}
