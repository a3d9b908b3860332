import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { DiskStore } from '../../lib/disk/disk-store.ts';
import { openDirectoryBeside } from '../../lib/disk/store-beside.ts';
import { openStoreDirectory, storePath } from '../../lib/disk/store-directory.ts';
import { MisuseError, StoreError } from '../../lib/errors.ts';
import type { Host } from '../../lib/host/host.ts';
import { nodeHost } from '../../lib/host/node-host.ts';
import { Session } from '../../lib/session/session.ts';
import { openStore } from '../../lib/stores/open-store.ts';
import { temporaryDirectory } from '../support/tape.ts';

const isRoot = process.getuid?.() === 0;
let parent: string;
let directory: string;

beforeEach(() => {
  parent = temporaryDirectory();
  directory = path.join(parent, 'store');
});

/** All that is in a directory: names, kinds, modes, owners, sizes. */
function everythingIn(root: string): unknown[] {
  const names = ['', ...(fs.readdirSync(root, { recursive: true }) as string[]).sort()];
  return names.map((name) => {
    const { mode, uid, size } = fs.lstatSync(path.join(root, name));
    return [name, mode, uid, fs.lstatSync(path.join(root, name)).isDirectory() ? 0 : size];
  });
}

/** The error says what, where and what to do; and nothing was changed. */
function expectRefusal(code: string, says: string, host: Host = nodeHost): void {
  const before = everythingIn(parent);
  let error: unknown;
  try {
    openStoreDirectory(host, directory);
  } catch (caught) {
    error = caught;
  }
  expect(error).toBeInstanceOf(StoreError);
  expect(error).toMatchObject({ code, path: expect.stringContaining(directory) });
  expect(String(error)).toContain(directory);
  expect(String(error)).toContain(says);
  expect(String(error)).toMatch(/\{ store \} or \$LOCKSTEP_DIR|Free some|Remove/);
  expect(everythingIn(parent)).toEqual(before);
}

test('a store that is not there is made, with its parents, for its owner alone', () => {
  directory = path.join(parent, 'a', 'b', 'store');
  expect(openStoreDirectory(nodeHost, directory)).toMatchObject({ path: directory, fileMode: 0o600 });
  for (const made of ['a', 'a/b', 'a/b/store']) {
    expect(fs.statSync(path.join(parent, made)).mode & 0o777).toBe(0o700);
  }
});

test('a store that is there stays as it is', () => {
  fs.mkdirSync(directory);
  fs.chmodSync(directory, 0o750);
  openStoreDirectory(nodeHost, directory);
  expect(fs.statSync(directory).mode & 0o777).toBe(0o750);
});

test('a file in its place is refused', () => {
  fs.writeFileSync(directory, 'mine');
  expectRefusal('STORE_UNSAFE', 'it is not a directory');
});

test('a symbolic link is refused, dangling or not', () => {
  fs.symlinkSync(path.join(parent, 'nowhere'), directory);
  expectRefusal('STORE_UNSAFE', 'it is a symbolic link');
  fs.unlinkSync(directory);
  fs.mkdirSync(path.join(parent, 'target'), { mode: 0o700 });
  fs.symlinkSync(path.join(parent, 'target'), directory);
  expectRefusal('STORE_UNSAFE', 'it is a symbolic link');
});

test('a path through a file is refused', () => {
  fs.writeFileSync(path.join(parent, 'file'), '');
  directory = path.join(parent, 'file', 'store');
  expectRefusal('STORE_UNSAFE', 'not a directory');
});

test.each(['777', '770', '702'])('a directory that others may write in (mode %s) is refused', (mode) => {
  fs.mkdirSync(directory);
  fs.chmodSync(directory, Number.parseInt(mode, 8));
  expectRefusal('STORE_UNSAFE', 'chmod 700 corrects that');
});

test('a directory that its group may write in is used where that is asked for, with modes for the group', () => {
  fs.mkdirSync(directory);
  fs.chmodSync(directory, 0o2770);
  expectRefusal('STORE_UNSAFE', 'if its group is meant to share it, set LOCKSTEP_SHARED=1');
  expect(openStoreDirectory(nodeHost, directory, { shared: true })).toMatchObject({
    directoryMode: 0o2770,
    fileMode: 0o660,
  });
  process.env.LOCKSTEP_SHARED = '1';
  try {
    expect(openStoreDirectory(nodeHost, directory)).toMatchObject({ fileMode: 0o660 });
    expect(() => openStoreDirectory(nodeHost, directory, { shared: false })).toThrow('LOCKSTEP_SHARED');
  } finally {
    delete process.env.LOCKSTEP_SHARED;
  }
});

test('a directory that everybody may write in is shared with nobody', () => {
  fs.mkdirSync(directory);
  fs.chmodSync(directory, 0o777);
  expect(() => openStoreDirectory(nodeHost, directory, { shared: true })).toThrow('chmod o-w corrects that');
});

test('a shared store that is not there is made for its group', () => {
  openStoreDirectory(nodeHost, directory, { shared: true });
  expect(fs.statSync(directory).mode & 0o7777).toBe(0o2770);
});

test.runIf(isRoot)('a directory of another user is shared only if its group may write in it', () => {
  fs.mkdirSync(directory, { mode: 0o700 });
  fs.chownSync(directory, 12_345, 12_345);
  expect(() => openStoreDirectory(nodeHost, directory, { shared: true })).toThrow('it belongs to another user');
  fs.chmodSync(directory, 0o770);
  expect(openStoreDirectory(nodeHost, directory, { shared: true }).fileMode).toBe(0o660);
});

test.runIf(isRoot)('another user’s directory is refused', () => {
  fs.mkdirSync(directory, { mode: 0o700 });
  fs.chownSync(directory, 12_345, 12_345);
  expectRefusal('STORE_UNSAFE', 'it belongs to another user (uid 12345)');
});

test.each([
  [0x6969, 'NFS'],
  [0xff534d42, 'CIFS'],
  [0x01021997, '9P'],
])('a network file system (%i, %s) is refused', (type, name) => {
  fs.mkdirSync(directory, { mode: 0o700 });
  const host = { ...nodeHost, files: { ...nodeHost.files, fileSystemType: () => type } };
  expectRefusal('STORE_NETWORK', name, host);
});

test('FUSE and the unknown are no proof that no other machine is there', () => {
  for (const [type, local] of [
    [0x65735546, false],
    [null, false],
    [0xef53, true],
  ] as const) {
    const host = { ...nodeHost, files: { ...nodeHost.files, fileSystemType: () => type } };
    expect(openStoreDirectory(host, directory).local).toBe(local);
  }
});

test('a missing permission is an error that says so', () => {
  const denied = () => {
    throw Object.assign(new Error('EACCES'), { code: 'EACCES', path: directory });
  };
  const host = { ...nodeHost, files: { ...nodeHost.files, makeDirectory: denied } };
  expectRefusal('STORE_DENIED', 'permission denied', host);
});

describe('the default place', () => {
  const { HOME, TMPDIR, XDG_RUNTIME_DIR, LOCKSTEP_DIR } = process.env;

  afterEach(() => {
    for (const [name, value] of Object.entries({ HOME, TMPDIR, XDG_RUNTIME_DIR, LOCKSTEP_DIR })) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  });

  test('does not depend on HOME, TMPDIR or XDG_RUNTIME_DIR', () => {
    delete process.env.LOCKSTEP_DIR;
    const place = storePath(nodeHost);
    for (const name of ['HOME', 'TMPDIR', 'XDG_RUNTIME_DIR']) process.env[name] = parent;
    expect(storePath(nodeHost)).toBe(place);
    expect(place).not.toContain(parent);
  });

  test('is $LOCKSTEP_DIR if that is set, and the argument before that', () => {
    process.env.LOCKSTEP_DIR = directory;
    expect(storePath(nodeHost)).toBe(directory);
    expect(storePath(nodeHost, parent)).toBe(parent);
  });

  test.each([
    [
      'locks',
      /a relative path: it would be another store in each working directory.*such as LOCKSTEP_DIR=\/.*\/locks\.$/,
    ],
    ['./locks', /a relative path/],
    ['../locks', /a relative path/],
    ['~/locks', /no shell has expanded ~ in it: a crontab.*such as LOCKSTEP_DIR=\/.*\/locks\.$/],
    ['~', /no shell has expanded ~/],
    ['~backup/locks', /no shell has expanded ~ in it.*Write the whole path\.$/],
    ['$HOME/locks', /no shell has expanded \$HOME in it.*such as LOCKSTEP_DIR=\/.*\/locks\.$/],
    // biome-ignore lint/suspicious/noTemplateCurlyInString: that is what a crontab would pass
    ['${HOME}/locks', /no shell has expanded \$\{HOME\} in it.*such as LOCKSTEP_DIR=\/.*\/locks\.$/],
    ['$XDG_STATE_HOME/locks', /no shell has expanded \$XDG_STATE_HOME in it.*Write the whole path\.$/],
    ['/var/locks/$USER', /no shell has expanded \$USER in it.*Write the whole path\.$/],
  ])('is refused where $LOCKSTEP_DIR is %s, and nothing is made', (value, words) => {
    process.env.LOCKSTEP_DIR = value;
    const before = fs.readdirSync('.');
    for (const call of [() => storePath(nodeHost), () => openStore()]) {
      expect(call).toThrow(MisuseError);
      expect(call).toThrow(words);
      expect(call).toThrow(`LOCKSTEP_DIR is '${value}'`);
    }
    expect(fs.readdirSync('.')).toEqual(before);
  });

  test('may have a dollar that names no variable', () => {
    process.env.LOCKSTEP_DIR = `${parent}/a$/b$.c/~d`;
    expect(storePath(nodeHost)).toBe(`${parent}/a$/b$.c/~d`);
  });

  test('is in /var/tmp where the home is not the user’s own', () => {
    delete process.env.LOCKSTEP_DIR;
    const host = { ...nodeHost, processes: { ...nodeHost.processes, uid: () => 54_321 } };
    expect(storePath(host)).toBe('/var/tmp/lockstep-54321');
  });
});

describe('the store beside a file is made at its first use, for those who may replace the file, and', () => {
  test.each([
    ['755', '700'],
    ['700', '700'],
    ['775', '2770'],
    ['2775', '2770'],
    ['1777', '700'],
  ])('in a directory of mode %s has mode %s', (around, mode) => {
    fs.mkdirSync(path.join(parent, 'docs'));
    fs.chmodSync(path.join(parent, 'docs'), Number.parseInt(around, 8));
    const store = openDirectoryBeside(nodeHost, path.join(parent, 'docs', 'ticket.json'));
    expect(fs.readdirSync(path.join(parent, 'docs'))).toEqual([]);
    store.remake();
    expect((fs.statSync(store.path).mode & 0o7777).toString(8)).toBe(mode);
  });

  test('that everybody may write in is refused', () => {
    fs.mkdirSync(path.join(parent, '.lockstep'));
    fs.chmodSync(path.join(parent, '.lockstep'), 0o777);
    const open = () => openDirectoryBeside(nodeHost, path.join(parent, 'ticket.json'));
    expect(open).toThrow(expect.objectContaining({ code: 'STORE_UNSAFE' }));
    expect(open).toThrow('chmod o-w corrects that');
  });

  test.runIf(isRoot)('that is a stranger’s is refused', () => {
    fs.mkdirSync(path.join(parent, '.lockstep'), { mode: 0o700 });
    fs.chownSync(path.join(parent, '.lockstep'), 12_345, 12_345);
    const open = () => openDirectoryBeside(nodeHost, path.join(parent, 'ticket.json'));
    expect(open).toThrow('it belongs to another user (uid 12345)');
  });
});

/** Mounts a tmpfs on the directory for the time of one test. */
function mounted<T>(options: string, use: () => T): T {
  fs.mkdirSync(directory, { mode: 0o700 });
  execFileSync('mount', ['-t', 'tmpfs', '-o', `${options},mode=700`, 'lockstep-test', directory]);
  try {
    return use();
  } finally {
    execFileSync('umount', ['-l', directory]);
  }
}

function mayMount(): boolean {
  if (!isRoot) return false;
  const probe = fs.mkdtempSync('/tmp/lockstep-mount-');
  const { status } = spawnSync('mount', ['-t', 'tmpfs', 'lockstep-test', probe]);
  if (status === 0) execFileSync('umount', [probe]);
  fs.rmdirSync(probe);
  return status === 0;
}

// Only who may mount can have a file system that is read-only or full.
describe.runIf(mayMount())('a real file system', () => {
  function disk(): DiskStore {
    const store = openStoreDirectory(nodeHost, directory);
    return new DiskStore({ host: nodeHost, session: new Session(nodeHost), directory: store, heartbeatMs: 0 });
  }

  const lock = { kind: 'lock', permits: 1 };
  const request = { ask: 1, label: '', onlyIfGranted: false };

  test('that is read-only is an error that says so', () => {
    mounted('ro', () => {
      expect(() => disk().join('deploy', lock, request)).toThrow(
        expect.objectContaining({ code: 'STORE_READ_ONLY', path: expect.stringContaining(directory) }),
      );
      expect(() => disk().join('deploy', lock, request)).toThrow('{ store } or $LOCKSTEP_DIR');
      expect(fs.readdirSync(directory)).toEqual([]);
    });
  });

  test('that is full is an error that says so, and nobody is given the lock', () => {
    mounted('size=64k', () => {
      fs.writeFileSync(path.join(directory, 'ballast'), '');
      fillUp(path.join(directory, 'ballast'));
      expect(() => disk().join('deploy', lock, request)).toThrow(
        expect.objectContaining({ code: 'STORE_FULL', path: expect.stringContaining(directory) }),
      );
      fs.unlinkSync(path.join(directory, 'ballast'));
      const store = disk();
      const entry = store.join('deploy', lock, request);
      expect(entry.state).toBe('holding');
      store.leave(entry);
    });
  });

  test('that becomes full under a holder lets it neither lose the lock nor others gain it', () => {
    mounted('size=64k', () => {
      const store = disk();
      const entry = store.join('deploy', lock, request);
      fillUp(path.join(directory, 'ballast'));
      // The page that the journal ends in still has room for some records.
      const full = () => {
        for (let record = 0; record < 200; record++) {
          store.join('deploy', lock, { ...request, label: 'x'.repeat(200) });
        }
      };
      expect(full).toThrow(expect.objectContaining({ code: 'STORE_FULL' }));
      expect(entry.state).toBe('holding');
      fs.unlinkSync(path.join(directory, 'ballast'));
      store.leave(entry);
      expect(entry.state).toBe('left');
    });
  });
});

function fillUp(file: string): void {
  const fd = fs.openSync(file, 'a');
  try {
    for (;;) fs.writeSync(fd, Buffer.alloc(4096));
  } catch (error) {
    expect((error as NodeJS.ErrnoException).code).toBe('ENOSPC');
  } finally {
    fs.closeSync(fd);
  }
}
