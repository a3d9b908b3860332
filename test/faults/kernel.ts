import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';

/** Runs `fixtures/programs/writers.ts` on a kernel whose system calls on the writers' files fail, or do less than they were asked to. */

const FIXTURE = fileURLToPath(new URL('../../build/fixtures/programs/writers.js', import.meta.url));
export const KEY = 'known';

export const WRITERS = ['journal', 'header', 'record', 'report', 'mark', 'request'] as const;
export type Writer = (typeof WRITERS)[number];

export const WRITES = 'write,pwrite64,writev,pwritev';

/** Null if a process can be traced here; else why not. */
export const untraceable =
  spawnSync('strace', ['-qq', '-o', '/dev/null', 'true']).status === 0 ? null : 'strace is missing, or may not trace';
export const unlimitable = spawnSync('prlimit', ['--version']).status === 0 ? null : 'prlimit is missing';

export interface Failed {
  name: string;
  code: string;
  message: string;
  cause?: Partial<NodeJS.ErrnoException>;
}

/** What became of each writer, and how often the counter was told to be added to. */
export type Said = Record<Writer, 'done' | Failed> & { added: number };

/** Every file that the writers write to. */
function pathsIn(store: string): string[] {
  const own = [2, 3, 4].flatMap((epoch) => Array.from({ length: 8 }, (_, at) => `next.${epoch}.${KEY}.${at + 1}`));
  return [
    'resources/lock/journal.1',
    ...own.map((file) => `resources/counter/${file}`),
    `jobs/job/.next.${KEY}`,
    `jobs/job/000000000000002-${KEY}.run`,
    `beats/.next.${KEY}`,
    'beats/report',
    'beats/mark',
    `jobs/asked/.next.${KEY}`,
  ].map((file) => path.join(store, file));
}

/** `wrapper`: a command that runs the one behind it. Without `only`, all writers write. */
export function write(store: string, wrapper: readonly string[] = [], only?: Writer): Said {
  const [program = '', ...words] = [...wrapper, process.execPath, FIXTURE, store, KEY, ...(only ? [only] : [])];
  const { stdout, stderr, status } = spawnSync(program, words, { encoding: 'utf8', timeout: 30_000 });
  expect({ stderr, status }).toEqual({ stderr: '', status: 0 });
  return JSON.parse(stdout) as Said;
}

/** The descriptors that a process may have open for the directory of a file: strace matches paths as they were given. */
const DESCRIPTORS = Array.from({ length: 30 }, (_, index) => index + 10);

function pathsTo(file: string): string[] {
  return [file, ...DESCRIPTORS.map((fd) => `/proc/self/fd/${fd}/${path.basename(file)}`)];
}

/** `fault`: as strace has it: `error=EIO`, `retval=3:when=1`. */
export function tracing(calls: string, fault: string, files: readonly string[]): string[] {
  const which = files.flatMap(pathsTo).flatMap((file) => ['-P', file]);
  return ['strace', '-f', '-qq', '-o', '/dev/null', ...which, '-e', `trace=${calls}`, '-e', `inject=${calls}:${fault}`];
}

export function writeInjected(store: string, calls: string, fault: string): Said {
  return write(store, tracing(calls, fault, pathsIn(store)));
}
