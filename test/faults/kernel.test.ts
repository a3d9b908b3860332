import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { DiskStore } from '../../lib/disk/disk-store.ts';
import { openStoreDirectory } from '../../lib/disk/store-directory.ts';
import { Beat } from '../../lib/heartbeat/heartbeat.ts';
import { Monitor } from '../../lib/heartbeat/monitor.ts';
import { nodeHost } from '../../lib/host/node-host.ts';
import type { StoreDirectory } from '../../lib/host/own-directory.ts';
import { RunRecord } from '../../lib/jobs/record-writer.ts';
import { RunLog } from '../../lib/jobs/run-log.ts';
import { stopRequestTo } from '../../lib/jobs/stop-request.ts';
import { Counter } from '../../lib/primitives/counter.ts';
import { Lock } from '../../lib/primitives/lock.ts';
import { Session } from '../../lib/session/session.ts';
import {
  type Failed,
  KEY,
  type Said,
  tracing,
  unlimitable,
  untraceable,
  WRITERS,
  WRITES,
  type Writer,
  write,
  writeInjected,
} from './kernel.ts';
import { nodeError } from './node-error.ts';

/** What the other tests imagine, from the kernel itself: each writer says the right thing, and leaves nothing damaged. */

const CLI = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const ASKED = { job: 'asked', at: 1, key: 'asked' };

const CODES = {
  EDQUOT: 'STORE_FULL',
  ENOSPC: 'STORE_FULL',
  ESTALE: 'STORE_GONE',
  EIO: 'STORE_IO',
  EUCLEAN: 'STORE_IO',
} as const;

const OTHERS: [calls: string, errno: keyof typeof CODES, hit: readonly Writer[]][] = [
  ['fsync,fdatasync', 'EDQUOT', ['header', 'record']],
  ['fsync,fdatasync', 'EIO', ['header', 'record']],
  ['link,linkat', 'EDQUOT', ['header', 'request']],
  ['link,linkat', 'ESTALE', ['header', 'request']],
  ['rename,renameat,renameat2', 'EDQUOT', ['record', 'report']],
  ['rename,renameat,renameat2', 'ENOSPC', ['record', 'report']],
  ['openat', 'ESTALE', WRITERS],
  ['openat', 'EDQUOT', WRITERS],
];

let root: string;
let directory: StoreDirectory;
let store: DiskStore;
let disk: DiskStore;

beforeEach(async () => {
  root = fs.mkdtempSync(path.join(os.tmpdir(), 'lockstep-kernel-'));
  directory = openStoreDirectory(nodeHost, path.join(root, 'store'));
  disk = new DiskStore({ host: nodeHost, session: new Session(nodeHost), directory, heartbeatMs: 0 });
  store = disk;
  await new Lock('lock', { store }).withLock(() => undefined);
  await new Counter('counter', { store }).add(0);
  const facts = nodeHost.processes.self();
  new Beat({ host: nodeHost, directory, name: 'mark', everyMs: 60_000, facts, label: '' }).abandon();
  const plan = { overlap: 'skip', permits: 1, timeoutMs: null, killAfterMs: 0, everyMs: null } as const;
  const more = { retries: 0, expect: null, zone: null, graceMs: null };
  RunRecord.begin(nodeHost, directory, { ...ASKED, facts, label: '', plan: { ...plan, ...more } }).close();
});

afterEach(() => {
  disk.presence.withdraw();
  fs.rmSync(root, { recursive: true, force: true });
});

/** What a process finds that sees the store for the first time, on a kernel that works. */
async function checkSound(said: Said): Promise<void> {
  const lease = await new Lock('lock', { store }).tryAcquire();
  expect(lease?.held).toBe(true);
  await lease?.release();
  const sum = await new Counter('counter', { store }).get();
  expect(sum).toBe(said.added);
  expect(await new Counter('counter', { store }).add()).toBe(sum + 1);
  const [run] = new RunLog(nodeHost, directory).runs('job');
  if (said.record === 'done') expect(run?.run.acquiredAt).toBe(3);
  const look = (name: string) => new Monitor({ host: nodeHost, directory, names: [name] }).look()[0];
  if (said.report === 'done') expect(look('report')?.state).toBe('gone');
  else expect(fs.existsSync(path.join(directory.path, 'beats/report'))).toBe(false);
  expect(look('mark')?.state).toBe(said.mark === 'done' ? 'ended' : 'alive');
  const request = stopRequestTo(nodeHost, directory, ASKED);
  expect(request).toEqual(said.request === 'done' ? { key: KEY, pid: 7, host: 'h', at: 8 } : null);
  expect(leftovers()).toEqual([]);
}

/** A file under a private name is none of anybody's. */
function leftovers(): string[] {
  const all = fs.readdirSync(directory.path, { recursive: true }) as string[];
  return all.filter((file) => path.basename(file).includes('next.'));
}

test('on a kernel that works each of them is done', async () => {
  const said = write(directory.path);
  expect(said).toEqual({ ...Object.fromEntries(WRITERS.map((name) => [name, 'done'])), added: 20 });
  await checkSound(said);
});

describe('a system call that the kernel refuses', () => {
  beforeEach(({ skip }) => {
    if (untraceable !== null) skip(untraceable);
  });

  test.each(Object.entries(CODES))(
    'a write, with %s, is %s from every writer, and damages nothing',
    async (errno, code) => {
      const said = writeInjected(directory.path, WRITES, `error=${errno}`);
      for (const name of WRITERS) {
        expect([name, said[name]]).toMatchObject([name, { name: 'StoreError', code }]);
        expect((said[name] as Failed).message).toMatch(new RegExp(`\\(${errno}\\)\\. [A-Z].+\\.$`));
      }
      await checkSound(said);
    },
  );

  test.each(OTHERS)(
    '%s, with %s, is reported by those that need it, and damages nothing',
    async (calls, errno, hit) => {
      const said = writeInjected(directory.path, calls, `error=${errno}`);
      for (const name of WRITERS) {
        const expected = hit.includes(name) ? { name: 'StoreError', code: CODES[errno] } : 'done';
        expect([name, said[name]]).toMatchObject([name, expected]);
      }
      // A record whose sync failed is written all the same.
      await checkSound(calls.includes('sync') ? { ...said, record: 'done' } : said);
    },
  );

  test('a write of which it takes nothing is a full disk for every writer, and damages nothing', async () => {
    const said = writeInjected(directory.path, WRITES, 'retval=0');
    for (const name of WRITERS) expect([name, said[name]]).toMatchObject([name, { code: 'STORE_FULL' }]);
    await checkSound(said);
  });

  test('a record that it takes in part, and whose rest stands elsewhere, is written once more as a whole', async () => {
    const file = path.join(directory.path, 'resources/lock/journal.1');
    const said = write(directory.path, tracing(WRITES, 'retval=3:when=1+3', [file]), 'journal');
    expect(said.journal).toBe('done');
    expect((await new Lock('lock', { store }).inspect()).entries).toEqual([]);
  });

  test('is the error that the other tests inject', () => {
    const open = `${directory.path}/beats/mark`;
    for (const [calls, errno, writer, syscall, file] of [
      [WRITES, 'EDQUOT', 'journal', 'write', undefined],
      [WRITES, 'ENOSPC', 'journal', 'write', undefined],
      ['openat', 'ESTALE', 'mark', 'open', open],
    ] as const) {
      const { cause } = writeInjected(directory.path, calls, `error=${errno}`)[writer] as Failed;
      const injected = (['javascript', 'native'] as const).map((by) => nodeError(errno, syscall, by, file));
      const seen = ({ code, errno, syscall, message }: Partial<NodeJS.ErrnoException>) => [
        code,
        errno,
        syscall,
        message,
      ];
      expect(injected.map(seen)).toContainEqual(seen(cause ?? {}));
    }
  });

  test('a write to the log of a job, with EDQUOT, is reported by its name, and the job goes on', () => {
    const log = path.join(root, 'log');
    const command = [process.execPath, CLI, 'job', 'logged', '--log', log, '--', 'echo', 'hi'];
    const [program = '', ...words] = [...tracing(WRITES, 'error=EDQUOT', [log]), ...command];
    const env = { ...process.env, LOCKSTEP_DIR: directory.path };
    const { stderr, status } = spawnSync(program, words, { encoding: 'utf8', env });
    expect(stderr).toBe(`lockstep: --log ${log}: cannot be written from here on: EDQUOT, write\n`);
    expect(status).toBe(0);
  });
});

describe('a command that gets a lock but cannot write down who has it now', () => {
  beforeEach(({ skip }) => {
    if (untraceable !== null) skip(untraceable);
  });

  test.each([
    ['run', ['run', 'lock', '--']],
    ['job', ['job', 'lock', '--']],
    ['acquire', ['acquire', 'lock', '--pid', String(process.pid)]],
  ])('%s fails, begins nothing, and leaves nothing in line', async (verb, words) => {
    const begun = path.join(root, 'begun');
    const command = verb === 'acquire' ? [] : ['touch', begun];
    // The first record is the entry's, the second one the adoption's.
    const injected = tracing(WRITES, 'error=EDQUOT:when=2', [path.join(directory.path, 'resources/lock/journal.1')]);
    const [program = '', ...args] = [...injected, process.execPath, CLI, ...words, ...command];
    const env = { ...process.env, LOCKSTEP_DIR: directory.path };
    const { stdout, stderr, status } = spawnSync(program, args, { encoding: 'utf8', env });
    expect({ stdout, status }).toEqual({ stdout: '', status: 74 });
    expect(stderr).toMatch(/^lockstep: lock: cannot write .*: the disk quota is used up \(EDQUOT\)\. .*\n$/);
    expect(fs.existsSync(begun)).toBe(false);
    expect((await new Lock('lock', { store }).inspect()).entries).toEqual([]);
  });
});

/** A limit cuts the write that crosses it short, and refuses the next one: the kernel's own short counts. */
describe('a limit on the size of files', () => {
  beforeEach(({ skip }) => {
    if (unlimitable !== null) skip(unlimitable);
  });

  test.each([
    ['record', 100],
    ['report', 60],
    ['request', 20],
  ] as const)('that cuts a %s short at byte %d is reported, and what was written is not there', (name, bytes) => {
    const said = write(directory.path, ['prlimit', `--fsize=${bytes}`], name);
    expect(said[name]).toMatchObject({ name: 'StoreError', code: 'STORE_FULL' });
    expect(leftovers()).toEqual([]);
  });

  test('that cuts what a command prints into a file short is reported, with exit code 74', () => {
    const out = fs.openSync(path.join(root, 'out'), 'w');
    const { stderr, status } = spawnSync('prlimit', ['--fsize=1000', process.execPath, CLI, 'man'], {
      stdio: ['ignore', out, 'pipe'],
      encoding: 'utf8',
    });
    fs.closeSync(out);
    expect(stderr).toBe('lockstep: cannot write to stdout: EFBIG: file too large, write\n');
    expect(status).toBe(74);
    expect(fs.statSync(path.join(root, 'out')).size).toBe(1000);
  });
});
