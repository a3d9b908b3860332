import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { Attributes } from '../../lib/file/attributes.ts';
import { Document } from '../../lib/file/document.ts';
import { replaceFile } from '../../lib/file/replace-file.ts';
import type { DocumentHost } from '../../lib/host/document-host.ts';
import { nodeDocuments } from '../../lib/host/node-documents.ts';
import { temporaryDirectory } from '../support/tape.ts';

const BEFORE = '{"count":1}';
const AFTER = '{"count":2}';
const isRoot = process.getuid?.() === 0;

let directory: string;
let file: string;

beforeEach(() => {
  directory = temporaryDirectory();
  file = path.join(directory, 'ticket.json');
  fs.writeFileSync(file, BEFORE);
});

const text = () => fs.readFileSync(file, 'utf8');

async function replace(bytes: string, host: DocumentHost = nodeDocuments, beforeRename?: () => Promise<void>) {
  const document = Document.open(file, host);
  try {
    expect(document.bytes.length).toBeGreaterThan(0);
    await document.replace(Buffer.from(bytes), beforeRename ? { beforeRename } : {});
  } finally {
    document.close();
  }
}

/** The real machine, but for some calls. */
function hostWith(calls: Partial<DocumentHost>): DocumentHost {
  return { ...nodeDocuments, ...calls };
}

function failure(code: string): Error {
  return Object.assign(new Error(`${code}: on purpose`), { code });
}

async function expectUntouched(promise: Promise<unknown>, code: string): Promise<void> {
  await expect(promise).rejects.toMatchObject({ name: 'StoreError', code, path: file });
  expect(text()).toBe(BEFORE);
  expect(fs.readdirSync(directory)).toEqual(['ticket.json']);
}

describe('a write that takes less than it was given', () => {
  test.each([1, 3, 4_096])('is gone on with, %i bytes at a time', async (most) => {
    const long = JSON.stringify('x'.repeat(10_000));
    const host = hostWith({ write: (fd, bytes) => nodeDocuments.write(fd, bytes.subarray(0, most)) });
    await replace(long, host);
    expect(text()).toBe(long);
    await replaceFile(path.join(directory, 'new.json'), Buffer.from(long), {}, host);
    expect(fs.readFileSync(path.join(directory, 'new.json'), 'utf8')).toBe(long);
  });

  test.each([Number.NaN, undefined, -1, 1_000_000])('and a count that makes no sense (%s) ends it', async (count) => {
    const write = async () => count as number;
    await expectUntouched(replace(AFTER, hostWith({ write })), 'STORE_FULL');
  });

  test('and then nothing is a full disk', async () => {
    let calls = 0;
    const write: DocumentHost['write'] = async (fd, bytes) =>
      calls++ === 0 ? nodeDocuments.write(fd, bytes.subarray(0, 4)) : 0;
    await expectUntouched(replace(AFTER, hostWith({ write })), 'STORE_FULL');
  });
});

test('a program that has wrapped the calls of fs changes nothing', async () => {
  const { write } = fs;
  try {
    // As graceful-fs and shims do: what util.promisify knows of the call is gone.
    fs.write = ((...args: Parameters<typeof write>) => write(...args)) as typeof write;
    await replace(AFTER);
  } finally {
    fs.write = write;
  }
  expect(text()).toBe(AFTER);
});

describe('whichever call fails, the file stays as it was, and nothing is left beside it', () => {
  test.each<[keyof DocumentHost, string, string]>([
    ['create', 'EACCES', 'FILE_DENIED'],
    ['create', 'EROFS', 'FILE_DENIED'],
    ['setMode', 'EIO', 'STORE_IO'],
    ['write', 'ENOSPC', 'STORE_FULL'],
    ['write', 'EIO', 'STORE_IO'],
    ['sync', 'EIO', 'STORE_IO'],
    ['rename', 'EBUSY', 'FILE_MOUNTED'],
    ['rename', 'EPERM', 'FILE_DENIED'],
    ['checkWritable', 'EACCES', 'FILE_DENIED'],
  ])('%s: %s', async (call, code, expected) => {
    const fail = () => {
      throw failure(code);
    };
    await expectUntouched(replace(AFTER, hostWith({ [call]: fail })), expected);
  });

  test('but a directory that cannot be synced is said to be the new one’s', async () => {
    const openDirectory = (at: string) => ({
      ...nodeDocuments.openDirectory(at),
      sync: () => Promise.reject(failure('EIO')),
    });
    await expect(replace(AFTER, hostWith({ openDirectory }))).rejects.toMatchObject({ code: 'FILE_UNSYNCED' });
    expect(text()).toBe(AFTER);
  });
});

describe('the last look before the replacement finds', () => {
  const changes: Array<[string, () => void, string]> = [
    [
      'an editor’s save in place, of the same length, in the same instant',
      () => fs.writeFileSync(file, '{"count":9}'),
      '{"count":9}',
    ],
    [
      'another file under its name',
      () => {
        fs.writeFileSync(`${file}.new`, '{"count":9}');
        fs.renameSync(`${file}.new`, file);
      },
      '{"count":9}',
    ],
    ['a change of its mode', () => fs.chmodSync(file, 0o600), BEFORE],
    ['that its name is gone', () => fs.unlinkSync(file), ''],
  ];
  test.each(changes)('%s: it rejects, and that stays', async (_, change, after) => {
    const beforeRename = async () => change();
    await expect(replace(AFTER, nodeDocuments, beforeRename)).rejects.toMatchObject({ code: 'FILE_CHANGED' });
    expect(fs.existsSync(file) ? text() : '').toBe(after);
    expect(fs.readdirSync(directory).filter((name) => name.includes('lockstep'))).toEqual([]);
  });

  test('a link that leads to another file now, whose contents are the same', async () => {
    const link = path.join(directory, 'current');
    fs.symlinkSync('ticket.json', link);
    fs.writeFileSync(path.join(directory, 'v2.json'), BEFORE);
    const document = Document.open(link);
    const turn = async () => {
      fs.unlinkSync(link);
      fs.symlinkSync('v2.json', link);
    };
    await expect(document.replace(Buffer.from(AFTER), { beforeRename: turn })).rejects.toMatchObject({
      code: 'FILE_CHANGED',
    });
    document.close();
    expect(text()).toBe(BEFORE);
  });

  test('a directory above that was turned: the file that was opened is meant, or none', async () => {
    fs.mkdirSync(path.join(directory, 'v1'));
    fs.mkdirSync(path.join(directory, 'etc'));
    for (const place of ['v1', 'etc']) fs.writeFileSync(path.join(directory, place, 'a.json'), BEFORE);
    const document = Document.open(path.join(directory, 'v1', 'a.json'));
    const turn = async () => {
      fs.renameSync(path.join(directory, 'v1'), path.join(directory, 'old'));
      fs.symlinkSync('etc', path.join(directory, 'v1'));
    };
    await expect(document.replace(Buffer.from(AFTER), { beforeRename: turn })).rejects.toMatchObject({
      code: 'FILE_CHANGED',
    });
    document.close();
    expect(fs.readFileSync(path.join(directory, 'etc', 'a.json'), 'utf8')).toBe(BEFORE);
    expect(fs.readdirSync(path.join(directory, 'etc'))).toEqual(['a.json']);
  });
});

test('a writer that was stopped right before its rename, and whose lock went to another writer, replaces nothing', async () => {
  const rename: DocumentHost['rename'] = (from, to) => {
    // It is stopped here, and the next holder sweeps away what it finds beside the file.
    fs.unlinkSync(from);
    fs.writeFileSync(file, '{"count":7}');
    nodeDocuments.rename(from, to);
  };
  await expect(replace(AFTER, hostWith({ rename }))).rejects.toMatchObject({ code: 'FILE_CHANGED' });
  expect(text()).toBe('{"count":7}');
});

test('what killed writers left is removed by the next holder; what only looks like it stays', async () => {
  const left = `.ticket.json.lockstep-${'0'.repeat(32)}`;
  const others = [`.other.json.lockstep-${'0'.repeat(32)}`, '.ticket.json.lockstep-1', 'ticket.json.123456'];
  for (const name of [left, ...others]) fs.writeFileSync(path.join(directory, name), '{');
  const document = Document.open(file);
  document.sweep();
  document.close();
  expect(fs.readdirSync(directory).sort()).toEqual([...others, 'ticket.json'].sort());
});

test('a name as long as names can be has a temporary file, too', async () => {
  file = path.join(directory, 'x'.repeat(255));
  fs.writeFileSync(file, BEFORE);
  await replace(AFTER);
  expect(text()).toBe(AFTER);
});

test.runIf(process.platform === 'linux')('a directory that may be written and not read is no hindrance', () => {
  if (!isRoot) return;
  fs.chmodSync(directory, 0o333);
  fs.chownSync(file, 1_001, 1_001);
  const child = asUser(1_001, `await update(${JSON.stringify(file)});`);
  fs.chmodSync(directory, 0o755);
  expect(child).toEqual({ status: 0, stderr: '' });
  expect(text()).toBe(AFTER);
});

describe.runIf(isRoot)('another user’s file', () => {
  beforeEach(() => {
    fs.chownSync(directory, 1_001, 1_500);
    fs.chmodSync(directory, 0o775);
  });

  test('stays the owner’s, or is not changed; by who may write it through its group', () => {
    own(1_001, 1_500, 0o664);
    const child = asMember(1_002, `await update(${JSON.stringify(file)});`);
    expect(child.status).toBe(1);
    expect(child.stderr).toContain('FILE_OWNER');
    expect(stat()).toEqual({ uid: 1_001, gid: 1_500, mode: 0o664, text: BEFORE });
    expect(fs.readdirSync(directory)).toEqual(['ticket.json']);
  });

  test('becomes another member’s where that is accepted, and stays the group’s', () => {
    own(1_001, 1_500, 0o6664);
    expect(asMember(1_002, `await update(${JSON.stringify(file)}, { allowNewOwner: true });`).status).toBe(0);
    // What runs as its owner must not run as somebody new.
    expect(stat()).toEqual({ uid: 1_002, gid: 1_500, mode: 0o664, text: AFTER });
  });

  test('whose group cannot be kept gives the new group nothing that it gave the old one alone', () => {
    own(1_002, 1_600, 0o660);
    expect(asMember(1_002, `await update(${JSON.stringify(file)}, { allowNewOwner: true });`).status).toBe(0);
    expect(stat()).toEqual({ uid: 1_002, gid: 1_002, mode: 0o600, text: AFTER });
  });

  test('of a group that may do no more than others is replaced by its owner, who cannot keep that group', () => {
    own(1_002, 1_600, 0o644);
    expect(asMember(1_002, `await update(${JSON.stringify(file)});`)).toEqual({ status: 0, stderr: '' });
    expect(stat()).toEqual({ uid: 1_002, gid: 1_002, mode: 0o644, text: AFTER });
  });

  test('of a group that may do more than others is not, unless that is accepted', () => {
    own(1_002, 1_600, 0o640);
    expect(asMember(1_002, `await update(${JSON.stringify(file)});`).stderr).toContain('FILE_OWNER');
    expect(stat()).toEqual({ uid: 1_002, gid: 1_600, mode: 0o640, text: BEFORE });
  });

  test('that one may not write is not replaced, though the directory would allow it', () => {
    own(1_001, 1_500, 0o640);
    const child = asMember(1_002, `await update(${JSON.stringify(file)}, { allowNewOwner: true });`);
    expect(child.stderr).toContain('FILE_DENIED');
    expect(stat()).toEqual({ uid: 1_001, gid: 1_500, mode: 0o640, text: BEFORE });
  });

  test('stays its owner’s when root replaces it', async () => {
    own(1_001, 1_500, 0o4640);
    await replace(AFTER);
    expect(stat()).toEqual({ uid: 1_001, gid: 1_500, mode: 0o4640, text: AFTER });
  });

  function own(uid: number, gid: number, mode: number): void {
    fs.chownSync(file, uid, gid);
    fs.chmodSync(file, mode);
  }

  function stat() {
    const { uid, gid, mode } = fs.statSync(file);
    return { uid, gid, mode: mode & 0o7777, text: text() };
  }

  function asMember(uid: number, program: string) {
    return asUser(uid, program, [1_500]);
  }
});

const MODULE = new URL('../../dist/lib/file/document.js', import.meta.url).href;

/** Runs a program as another user. `update(file, options)` replaces a file. */
function asUser(uid: number, program: string, groups: number[] = []) {
  const whole = `
    import { Document } from ${JSON.stringify(MODULE)};
    process.setgroups(${JSON.stringify(groups)}); process.setgid(${uid}); process.setuid(${uid});
    async function update(file, options) {
      const document = Document.open(file);
      document.checkReplaceable();
      await document.replace(Buffer.from(${JSON.stringify(AFTER)}), options);
    }
    ${program}`;
  const { status, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', whole], { encoding: 'utf8' });
  return { status, stderr };
}

const hasAccessLists = spawnSync('sh', ['-c', 'command -v setfacl && command -v setfattr']).status === 0;

describe.runIf(hasAccessLists)('access lists and extended attributes', () => {
  const facl = (...words: string[]) => execFileSync('getfacl', ['-cpE', ...words], { encoding: 'utf8' });
  const xattr = () => execFileSync('getfattr', ['-d', '--absolute-names', file], { encoding: 'utf8' });

  test('are kept, in one replacement after the other', async () => {
    execFileSync('setfacl', ['-m', 'u:1001:rw,g::---,m::rw', file]);
    execFileSync('setfattr', ['-n', 'user.tag', '-v', 'keep', file]);
    const [list, attributes] = [facl(file), xattr()];
    for (const after of [AFTER, BEFORE, AFTER]) await replace(after);
    expect(text()).toBe(AFTER);
    expect(facl(file)).toBe(list);
    expect(xattr()).toBe(attributes);
  });

  test('that come later, after replacements that found none, are kept as well', async () => {
    for (const after of [AFTER, BEFORE, AFTER]) await replace(after);
    execFileSync('setfattr', ['-n', 'user.tag', '-v', 'late', file]);
    const attributes = xattr();
    await replace(BEFORE);
    expect(xattr()).toBe(attributes);
  });

  test('of the directory, for new files, open nothing: the file has none afterwards either', async () => {
    fs.chmodSync(file, 0o640);
    const list = facl(file);
    execFileSync('setfacl', ['-d', '-m', 'u:1001:rwx', directory]);
    await replace(AFTER);
    expect(facl(file)).toBe(list);
    expect(fs.statSync(file).mode & 0o777).toBe(0o640);
  });

  test('that cannot be copied are a refusal', async () => {
    execFileSync('setfattr', ['-n', 'user.tag', '-v', 'keep', file]);
    const run: DocumentHost['run'] = async (program, args, fds) =>
      program === 'cp'
        ? { code: 1, stdout: '', stderr: 'cp: setting attributes: No space left on device', failure: null }
        : nodeDocuments.run(program, args, fds);
    const attributes = xattr();
    await expectUntouched(replace(AFTER, hostWith({ run })), 'FILE_ATTRIBUTES');
    expect(xattr()).toBe(attributes);
  });
});

describe('what is not a file to be edited is refused in words', () => {
  test.each<[string, () => string, string]>([
    ['a directory', () => directory, 'FILE_NOT_REGULAR'],
    ['a FIFO', () => fifo(), 'FILE_NOT_REGULAR'],
    ['/dev/null', () => '/dev/null', 'FILE_NOT_REGULAR'],
    ['one that is larger than a string can be', () => sparse(), 'FILE_TOO_LARGE'],
    ['one that is not there', () => path.join(directory, 'no.json'), 'FILE_MISSING'],
    ['a link in a circle', () => circle(), 'FILE_MISSING'],
    ['something below a file', () => path.join(file, 'x'), 'FILE_MISSING'],
  ])('%s', (_, make, code) => {
    expect(() => Document.open(make())).toThrow(expect.objectContaining({ code }));
  });

  function fifo(): string {
    const place = path.join(directory, 'fifo');
    execFileSync('mkfifo', [place]);
    return place;
  }

  function sparse(): string {
    const place = path.join(directory, 'huge.json');
    fs.closeSync(fs.openSync(place, 'w'));
    fs.truncateSync(place, 600 * 1024 * 1024);
    return place;
  }

  function circle(): string {
    const place = path.join(directory, 'circle');
    fs.symlinkSync('circle', place);
    return place;
  }

  test.each(['0444', '0555'])('one of mode %s, which nobody may write: not even root replaces it', (mode) => {
    fs.chmodSync(file, Number.parseInt(mode, 8));
    const document = Document.open(file);
    expect(() => document.checkReplaceable()).toThrow(/read-only \(mode 0\d+\): chmod u\+w it first/);
    document.close();
  });
});

describe('a file that is written without a lock', () => {
  test('is made with the mode that any program’s would have, and replaced whole later', async () => {
    const report = path.join(directory, 'report.svg');
    await replaceFile(report, Buffer.from('one'));
    expect(fs.statSync(report).mode & 0o777).toBe(0o666 & ~process.umask());
    const { ino } = fs.statSync(report);
    await replaceFile(report, Buffer.from('two'));
    expect(fs.readFileSync(report, 'utf8')).toBe('two');
    expect(fs.statSync(report).ino).not.toBe(ino);
  });

  test('is not put in the place of a device or a pipe', async () => {
    const { ino } = fs.statSync('/dev/null');
    await replaceFile('/dev/null', Buffer.from('x'));
    expect(fs.statSync('/dev/null').ino).toBe(ino);
  });

  test('is not put in the place of a link to a pipe that has no name, as /dev/stdout may be', async () => {
    const [fifo, link] = [path.join(directory, 'fifo'), path.join(directory, 'link')];
    execFileSync('mkfifo', [fifo]);
    const fd = fs.openSync(fifo, fs.constants.O_RDWR);
    try {
      fs.rmSync(fifo);
      fs.symlinkSync(`/proc/self/fd/${fd}`, link);
      await replaceFile(link, Buffer.from('x'));
      expect(fs.readSync(fd, Buffer.alloc(8))).toBe(1);
      expect(fs.lstatSync(link).isSymbolicLink()).toBe(true);
    } finally {
      fs.closeSync(fd);
    }
  });

  test('takes the place of a link, where its caller does not follow links', async () => {
    const link = path.join(directory, 'link');
    for (const target of ['ticket.json', 'nowhere', '/dev/null']) {
      fs.rmSync(link, { force: true });
      fs.symlinkSync(target, link);
      await replaceFile(link, Buffer.from('x'), { mode: 0o604, followsLink: false });
      expect(text()).toBe(BEFORE);
      expect(fs.lstatSync(link).mode & 0o170777).toBe(0o100604);
    }
  });

  test('is not made through a link that leads nowhere', async () => {
    fs.symlinkSync('nowhere', path.join(directory, 'link'));
    const promise = replaceFile(path.join(directory, 'link'), Buffer.from('x'));
    await expect(promise).rejects.toMatchObject({ code: 'FILE_MISSING' });
    expect(fs.readdirSync(directory).sort()).toEqual(['link', 'ticket.json']);
  });
});

test.runIf(process.platform === 'linux')('of very many replaced files the newest are remembered', async () => {
  const programs: string[] = [];
  const run: DocumentHost['run'] = async (program) => {
    programs.push(program);
    return { code: 0, stdout: 'plain\n', stderr: '', failure: null };
  };
  const attributes = Attributes.on(hostWith({ run }));
  const directory = nodeDocuments.openDirectory(fs.realpathSync(path.dirname(file)));
  const facts = { ...directory.facts(), kind: 'file' as const };
  directory.close();
  for (let inode = 1n; inode <= 3_000n; inode++) attributes.note({ ...facts, inode }, facts.changedNs);
  const act = { operation: 'replace', path: file } as const;
  const nowNs = facts.changedNs + 1_000_000n;
  const carry = (inode: bigint) =>
    attributes.carry({ from: 0, facts: { ...facts, inode }, nowNs, directory: facts, act }, 0);
  expect(await carry(3_000n)).toBe(facts.changedNs);
  expect(await carry(1n)).toBe(null);
  expect(programs).toEqual(['cp']);
});
