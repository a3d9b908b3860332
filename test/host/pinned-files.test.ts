import fs from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { appendGuard } from '../../lib/disk/append-guard.ts';
import { DiskStore } from '../../lib/disk/disk-store.ts';
import { findStoreDirectory, openStoreDirectory } from '../../lib/disk/store-directory.ts';
import { endReport, OwnReport } from '../../lib/heartbeat/report-writer.ts';
import type { Files, Host } from '../../lib/host/host.ts';
import { nodeHost } from '../../lib/host/node-host.ts';
import type { StoreDirectory } from '../../lib/host/own-directory.ts';
import { pinnedHost, withRealPath } from '../../lib/host/pinned-files.ts';
import { Spool } from '../../lib/jobs/output-spool.ts';
import { RunRecord } from '../../lib/jobs/record-writer.ts';
import { sweepRuns } from '../../lib/jobs/retention.ts';
import type { RunStart } from '../../lib/jobs/run.ts';
import { requestStop } from '../../lib/jobs/stop-request.ts';
import { keepaliveFiles } from '../../lib/session/keepalive-files.ts';
import { Session } from '../../lib/session/session.ts';
import { FaultyHost } from '../faults/faulty-host.ts';
import { temporaryDirectory } from '../support/tape.ts';

// Whoever controls a store may replace its directories while others use it. Here a test does.

const isLinux = process.platform === 'linux';
const LONG_AGO = new Date('2020-01-01T00:00:00Z');
let parent: string;
let store: string;
let elsewhere: string;
let directory: StoreDirectory;
let host: FaultyHost;
let files: Files;

beforeEach(() => {
  parent = fs.realpathSync(temporaryDirectory());
  // Others may write around it.
  fs.chmodSync(parent, 0o777);
  store = path.join(parent, 'store');
  elsewhere = path.join(parent, 'elsewhere');
  host = new FaultyHost();
  directory = openStoreDirectory(host, store);
  ({ files } = pinnedHost(host, directory));
});

afterEach(() => {
  const { open } = host;
  expect([...open], 'descriptors that were left open').toEqual([]);
});

test('a store in which, and around which, nobody else may write is known to be so', () => {
  const isPrivate = () => {
    const found = openStoreDirectory(host, store);
    found.remake();
    return found.ground?.isPrivate;
  };
  expect(isPrivate()).toBe(false);
  fs.chmodSync(parent, 0o1777);
  expect(isPrivate()).toBe(true);
  fs.chmodSync(parent, 0o775);
  expect(isPrivate()).toBe(false);
  fs.chmodSync(parent, 0o755);
  expect(isPrivate()).toBe(true);
  if (process.getuid?.() !== 0) return;
  fs.chownSync(parent, 1_001, 1_001);
  expect(isPrivate()).toBe(false);
});

/** All that is in a directory, with everything that a change of it would change. */
function everythingIn(root: string): unknown[] {
  const names = ['', ...(fs.readdirSync(root, { recursive: true }) as string[]).sort()];
  return names.map((name) => {
    const { mode, uid, gid, size, mtimeMs, ino, nlink } = fs.lstatSync(path.join(root, name));
    return [name, mode, uid, gid, size, mtimeMs, ino, nlink];
  });
}

/** Makes everything in a directory look as if it had been left behind long ago. */
function makeOld(root: string): void {
  for (const name of ['', ...(fs.readdirSync(root, { recursive: true }) as string[])])
    fs.lutimesSync(path.join(root, name), LONG_AGO, LONG_AGO);
}

/** Puts a link to a copy of a directory in that directory's place. */
function turn(turned: string): void {
  fs.cpSync(turned, elsewhere, { recursive: true });
  makeOld(elsewhere);
  fs.renameSync(turned, `${turned}.away`);
  fs.symlinkSync(elsewhere, turned);
}

const CHANGES: Array<[string, (files: Files, at: string) => unknown]> = [
  ['create', (files, at) => files.create(`${at}/new`, 0o600)],
  ['makeDirectory', (files, at) => files.makeDirectory(`${at}/new`, 0o700)],
  ['makeDirectory for a group', (files, at) => files.makeDirectory(`${at}/new`, 0o2770)],
  ['openForAppend', (files, at) => files.openForAppend(`${at}/one`)],
  ['openForWriting', (files, at) => files.openForWriting(`${at}/one`)],
  ['link', (files, at) => files.link(`${at}/one`, `${at}/new`)],
  ['rename', (files, at) => files.rename(`${at}/one`, `${at}/new`)],
  ['remove', (files, at) => files.remove(`${at}/one`)],
  ['removeDirectory', (files, at) => files.removeDirectory(`${at}/empty`)],
  ['touch', (files, at) => files.touch(`${at}/one`)],
  ['list', (files, at) => files.list(at)],
];

function furnish(at: string): void {
  fs.mkdirSync(`${at}/empty`, { recursive: true });
  fs.writeFileSync(`${at}/one`, '1');
}

describe.each(CHANGES)('%s', (_, change) => {
  test.each(['store/sessions', 'store', '.'])('does nothing where a link has the place of %s', (place) => {
    const sessions = path.join(store, 'sessions');
    furnish(sessions);
    if (place === '.') {
      // A directory above the store.
      const moved = `${parent}.moved`;
      fs.cpSync(parent, `${parent}.copy`, { recursive: true });
      fs.renameSync(parent, moved);
      fs.symlinkSync(`${parent}.copy`, parent);
      const before = everythingIn(`${parent}.copy`);
      try {
        expect(() => change(files, sessions)).toThrow(expect.objectContaining({ code: 'ELOOP', path: sessions }));
        expect(everythingIn(`${parent}.copy`)).toEqual(before);
      } finally {
        fs.unlinkSync(parent);
        fs.rmSync(`${parent}.copy`, { recursive: true });
        fs.renameSync(moved, parent);
      }
      return;
    }
    turn(path.join(parent, place));
    const before = everythingIn(elsewhere);
    expect(() => change(files, sessions)).toThrow(expect.objectContaining({ code: 'ELOOP', path: sessions }));
    expect(everythingIn(elsewhere)).toEqual(before);
  });

  test.runIf(isLinux)('reaches the directory that was checked, whatever takes its place in that moment', () => {
    const sessions = path.join(store, 'sessions');
    furnish(sessions);
    furnish(elsewhere);
    makeOld(elsewhere);
    const before = everythingIn(elsewhere);
    const quick: Host = {
      ...host,
      files: {
        ...host.files,
        openDirectory(at) {
          const opened = host.files.openDirectory(at);
          fs.renameSync(sessions, `${sessions}.away`);
          fs.symlinkSync(elsewhere, sessions);
          return opened;
        },
      },
    };
    const result = change(pinnedHost(quick, directory).files, sessions);
    if (typeof result === 'number') host.files.close(result);
    expect(everythingIn(elsewhere)).toEqual(before);
  });
});

test.runIf(isLinux)(
  'a directory that twenty other processes make at the same moment, one over the other, is no link',
  () => {
    const sessions = path.join(store, 'sessions');
    fs.mkdirSync(sessions);
    let others = 20;
    const crowded: Host = {
      ...host,
      files: {
        ...host.files,
        openDirectory(at) {
          // What is opened is an empty directory, which the next one replaces by its own.
          if (others-- <= 0) return host.files.openDirectory(at);
          const opened = host.files.openDirectory(at);
          fs.mkdirSync(`${sessions}.${others}`);
          fs.renameSync(`${sessions}.${others}`, sessions);
          return { ...opened, place: fs.readlinkSync(`/proc/self/fd/${opened.fd}`) };
        },
      },
    };
    host.files.close(pinnedHost(crowded, directory).files.create(`${sessions}/new`, 0o600));
    expect(fs.readdirSync(sessions)).toEqual(['new']);
  },
);

test.runIf(isLinux)('an error has the path in the store, not that by way of a descriptor', () => {
  furnish(store);
  for (const call of [
    () => files.create(`${store}/one`, 0o600),
    () => files.openForAppend(`${store}/empty`),
    () => files.openForAppend(`${store}/none`),
    () => files.link(`${store}/none`, `${store}/other`),
    () => files.rename(`${store}/none`, `${store}/other`),
  ]) {
    let caught: NodeJS.ErrnoException & { dest?: string } = new Error('none');
    try {
      call();
    } catch (error) {
      caught = error as NodeJS.ErrnoException;
    }
    expect(caught.code).toMatch(/EEXIST|EINVAL|EISDIR|ENOENT/);
    expect(JSON.stringify([caught.message, caught.stack, caught.path, caught.dest])).not.toContain('/proc/');
    expect(caught.message).toContain(store);
  }
});

test('a store that was moved, and is reached by a link now, is used further', () => {
  fs.renameSync(parent, `${parent}.moved`);
  fs.symlinkSync(`${parent}.moved`, parent);
  try {
    expect(files.makeDirectory(`${store}/sessions`, 0o700)).toBe(true);
  } finally {
    fs.unlinkSync(parent);
    fs.renameSync(`${parent}.moved`, parent);
  }
});

test('a store that another process makes at the moment of the first look at it is used', () => {
  fs.rmSync(store, { recursive: true });
  const found = findStoreDirectory(host, store);
  const first = (at: string) => {
    // Not there when it was looked for; there when it is opened.
    openStoreDirectory(nodeHost, store);
    furnish(path.join(store, 'sessions'));
    return nodeHost.files.openDirectory(at);
  };
  const late = {
    ...host,
    files: { ...nodeHost.files, openDirectory: vi.fn(nodeHost.files.openDirectory).mockImplementationOnce(first) },
  };
  expect(pinnedHost(late, found).files.list(path.join(store, 'sessions'))).toEqual(['empty', 'one']);
});

test('a store that was deleted holds nothing, until it is made again', () => {
  fs.rmSync(store, { recursive: true });
  expect(files.list(`${store}/sessions`)).toBe(null);
  expect(files.remove(`${store}/sessions/one`)).toBe(false);
  expect(() => files.create(`${store}/one`, 0o600)).toThrow(expect.objectContaining({ code: 'ENOENT' }));
  directory.remake();
  files.close(files.create(`${store}/one`, 0o600));
});

const LOCK = { kind: 'lock', permits: 1 };
const request = { ask: 1, label: '', onlyIfGranted: false };

function disk(rotateBytes = 700): DiskStore {
  const at = openStoreDirectory(host, store);
  const session = new Session(host);
  return new DiskStore({ host: pinnedHost(host, at), session, directory: at, heartbeatMs: 0, rotateBytes });
}

const start: RunStart = {
  job: 'job',
  key: 'a1',
  facts: nodeHost.processes.self(),
  at: 1_000_000,
  label: '',
  plan: { every: null, timeoutMs: null, overlap: 'wait', retries: 0 } as unknown as RunStart['plan'],
};

/** Everything that anything of Lockstep's does in a store, whatever becomes of each. */
function useEverything(one: DiskStore, record: RunRecord, report: OwnReport): void {
  const spoolAt = `${store}/jobs/job/000000001000000-a1.output`;
  for (const step of [
    ...Array.from({ length: 40 }, () => () => one.leave(one.join('x', LOCK, request))),
    () => one.evict('x', 1, { reason: 'forced', by: '' }),
    () => one.join('y', LOCK, request),
    () => one.presence.poke({ key: 'dead', facts: { ...start.facts, pid: 4_000_000 }, relieved: false }),
    () => one.presence.announceFor({ key: 'other', facts: start.facts, relieved: false }),
    () => one.presence.withdraw(),
    () => report.beat(),
    () => new OwnReport({ host, directory, report: { ...reportOf('late'), key: 'b2' } }).beat(),
    () => endReport(host, directory, 'there'),
    () => RunRecord.begin(host, directory, { ...start, key: 'c3' }).close(),
    () => sweepRuns(host, directory, 'job', 0),
    () => requestStop(host, directory, start, { key: 'd4', pid: 1, host: '', at: 1 }),
    () => new Spool(spoolAt, { files, mode: 0o600 }).remove(),
    () => record.close(),
  ]) {
    try {
      step();
    } catch {
      // It may be refused, and mostly must.
    }
  }
}

function reportOf(name: string) {
  return { name, key: 'a1', facts: start.facts, everyMs: 1_000, since: 1_000, label: '' };
}

test.each(['sessions', 'resources', 'resources/x', 'beats', 'jobs', 'jobs/job', ''])(
  'whoever turns %s of a store into a link has nobody change anything elsewhere',
  (turned) => {
    const one = disk();
    const entry = one.join('x', LOCK, request);
    one.leave(entry);
    const record = RunRecord.begin(host, directory, start);
    const report = new OwnReport({ host, directory, report: reportOf('there') });
    report.beat();
    // What is swept, buried, poked and ended.
    fs.writeFileSync(`${store}/sessions/4000000-dead`, '');
    fs.mkdirSync(`${store}/sessions/4000000-dead.lock`);
    fs.writeFileSync(`${store}/beats/.next.old`, '');
    fs.writeFileSync(`${store}/jobs/job/.next.old`, '');
    fs.writeFileSync(`${store}/jobs/job/000000000000001-old.output`, '');
    fs.writeFileSync(`${store}/resources/x/next.1.dead.1`, '');
    turn(path.join(store, turned));
    const before = everythingIn(elsewhere);
    useEverything(one, record, report);
    if (turned !== '') useEverything(disk(), record, report);
    else expect(() => disk()).toThrow('it is a symbolic link');
    report.close();
    expect(everythingIn(elsewhere)).toEqual(before);
    // The journals of the disks are their process's until it ends.
    host.end();
  },
);

test('the guard of appends follows no link', () => {
  const at = `${store}/resources/x`;
  fs.mkdirSync(at, { recursive: true });
  turn(at);
  const before = everythingIn(elsewhere);
  const exclusively = appendGuard({ ...host, files });
  expect(() => exclusively(`${at}/journal.1`, () => undefined)).toThrow(expect.objectContaining({ code: 'ELOOP' }));
  expect(everythingIn(elsewhere)).toEqual(before);
});

test('a heart beats in the directory that was checked, or not at all', () => {
  const sessions = `${store}/sessions`;
  fs.mkdirSync(`${sessions}/1-a.lock`, { recursive: true });
  const heart = keepaliveFiles({ place: sessions, belonging: undefined });
  const outcomes: unknown[] = [];
  const beat = () => {
    heart.mkdir(`${sessions}/1-b.lock`, (error) => outcomes.push(error));
    heart.utimes(`${sessions}/1-a.lock`, new Date(), new Date(), (error) => outcomes.push(error));
    heart.stat(`${sessions}/1-a.lock`, (error) => outcomes.push(error));
    heart.rmdir(`${sessions}/1-a.lock`, (error) => outcomes.push(error));
  };
  beat();
  expect(outcomes.splice(0)).toEqual([null, null, null, null]);
  fs.mkdirSync(`${sessions}/1-a.lock`);
  fs.rmdirSync(`${sessions}/1-b.lock`);
  turn(sessions);
  const before = everythingIn(elsewhere);
  beat();
  expect(outcomes.every((error) => error instanceof Error)).toBe(true);
  expect(() => heart.rmdirSync(`${sessions}/1-a.lock`)).toThrow();
  expect(everythingIn(elsewhere)).toEqual(before);
});

test('a link in the place of a heartbeat is not followed', () => {
  const sessions = `${store}/sessions`;
  fs.mkdirSync(sessions);
  fs.mkdirSync(elsewhere);
  makeOld(elsewhere);
  fs.symlinkSync(elsewhere, `${sessions}/1-a.lock`);
  const before = everythingIn(elsewhere);
  const heart = keepaliveFiles({ place: sessions, belonging: undefined });
  heart.utimes(`${sessions}/1-a.lock`, new Date(), new Date(), () => undefined);
  heart.rmdir(`${sessions}/1-a.lock`, () => undefined);
  expect(everythingIn(elsewhere)).toEqual(before);
});

test('the mode of a directory that is being made is not given to what a link leads to', () => {
  fs.mkdirSync(elsewhere, { mode: 0o700 });
  const make = fs.mkdtempSync;
  const quick = vi.spyOn(fs, 'mkdtempSync').mockImplementation(((prefix: string) => {
    const made = make(prefix);
    fs.rmdirSync(made);
    fs.symlinkSync(elsewhere, made);
    return made;
  }) as typeof fs.mkdtempSync);
  try {
    expect(() => files.makeDirectory(`${store}/sessions`, 0o2770)).toThrow(
      expect.objectContaining({ code: 'ENOTDIR' }),
    );
  } finally {
    quick.mockRestore();
  }
  expect(fs.statSync(elsewhere).mode & 0o7777).toBe(0o700);
});

test('an output is not written to another file that has taken its place', () => {
  const at = `${store}/output`;
  fs.writeFileSync(`${parent}/other`, 'precious');
  const quick: Files = {
    ...files,
    create(file, mode) {
      const fd = files.create(file, mode);
      fs.unlinkSync(file);
      fs.linkSync(`${parent}/other`, file);
      return fd;
    },
  };
  const make = () => new Spool(at, { files: quick, mode: 0o600 });
  expect(make).toThrow(expect.objectContaining({ code: 'ELOOP' }));
  expect(fs.readFileSync(`${parent}/other`, 'utf8')).toBe('precious');
});

test('an error names the directory in the store, and not a descriptor, also where it is of the directory itself', () => {
  const of = (path: string) =>
    withRealPath(
      Object.assign(new Error(`EACCES: permission denied, scandir '${path}'`), { path }),
      '/proc/self/fd/2',
      '/s/a',
    );
  const named = (path: string) => ({ path, message: `EACCES: permission denied, scandir '${path}'` });
  expect(of('/proc/self/fd/2')).toMatchObject(named('/s/a'));
  expect(of('/proc/self/fd/2/b')).toMatchObject(named('/s/a/b'));
  expect(of('/proc/self/fd/20')).toMatchObject(named('/proc/self/fd/20'));
});
