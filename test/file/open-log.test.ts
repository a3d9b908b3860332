import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openLog } from '../../lib/file/open-log.ts';
import type { DocumentHost } from '../../lib/host/document-host.ts';
import { nodeDocuments } from '../../lib/host/node-documents.ts';

let root: string;
let file: string;

beforeEach(() => {
  root = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'lockstep-log-')));
  file = path.join(root, 'log');
});

afterEach(() => fs.rmSync(root, { recursive: true, force: true }));

function append(at: string, host?: DocumentHost): void {
  const fd = openLog(at, host);
  try {
    fs.writeSync(fd, 'words\n');
  } finally {
    fs.closeSync(fd);
  }
}

function read(): string {
  return fs.readFileSync(file, 'utf8');
}

/** A machine on which somebody else made all links with names that begin with `their`. */
const shared: DocumentHost = {
  ...nodeDocuments,
  look: (at) => {
    const facts = nodeDocuments.look(at);
    return facts && path.basename(at).startsWith('their') ? { ...facts, uid: 54_321 } : facts;
  },
};

test('a file is created, and then appended to', () => {
  append(file);
  append(file);
  expect(read()).toBe('words\nwords\n');
});

describe('a link', () => {
  test('of our own is followed, from one to the next, also to a file that is not there yet', () => {
    fs.mkdirSync(path.join(root, 'directory'));
    fs.symlinkSync('directory', path.join(root, 'by'));
    fs.symlinkSync('../log', path.join(root, 'directory', 'one'));
    fs.symlinkSync(path.join(root, 'by', 'one'), path.join(root, 'two'));
    append(path.join(root, 'two'));
    fs.chmodSync(root, 0o1777);
    append(path.join(root, 'two'), shared);
    expect(read()).toBe('words\nwords\n');
  });

  test('of somebody else is refused where others may write, first or behind one of ours: nothing is created or written', () => {
    fs.symlinkSync(file, path.join(root, 'theirs'));
    fs.symlinkSync('theirs', path.join(root, 'ours'));
    for (const mode of [0o1777, 0o770]) {
      fs.chmodSync(root, mode);
      for (const name of ['theirs', 'ours'])
        expect(() => append(path.join(root, name), shared)).toThrow(
          /^EPERM: .* link of another user \(uid 54321\) in /,
        );
    }
    expect(fs.existsSync(file)).toBe(false);
  });

  test('of somebody else is refused in their own directory', () => {
    const their = path.join(root, 'their');
    fs.mkdirSync(their);
    fs.symlinkSync(file, path.join(their, 'their-log'));
    const host: DocumentHost = {
      ...shared,
      openDirectory: (at) => {
        const directory = nodeDocuments.openDirectory(at);
        const facts = () => ({ ...directory.facts(), uid: 54_321 });
        return at === their ? { ...directory, facts } : directory;
      },
    };
    expect(() => append(path.join(their, 'their-log'), host)).toThrow(/^EPERM: .* link of another user/);
  });

  test('that only we could have made is followed, whoever it was given to', () => {
    fs.symlinkSync(file, path.join(root, 'theirs'));
    append(path.join(root, 'theirs'), shared);
    expect(read()).toBe('words\n');
  });

  test('that takes the place of the file, or of another link, at the last moment is not followed', () => {
    const victim = path.join(root, 'victim');
    fs.writeFileSync(victim, '');
    const swap = (at: string) => {
      fs.rmSync(at, { force: true });
      fs.symlinkSync(victim, at);
    };
    const quick = (call: 'openToAppend' | 'readLink'): DocumentHost => ({
      ...nodeDocuments,
      [call]: (at: string, follow: boolean) => {
        swap(at);
        return nodeDocuments[call](at, follow);
      },
    });
    expect(() => append(file, quick('openToAppend'))).toThrow(/^ELOOP/);
    fs.symlinkSync('elsewhere', path.join(root, 'ours'));
    expect(() => append(path.join(root, 'ours'), quick('readLink'))).toThrow(/link was replaced/);
    expect(fs.readFileSync(victim, 'utf8')).toBe('');
  });

  test('in a circle is an error', () => {
    fs.symlinkSync('two', path.join(root, 'one'));
    fs.symlinkSync('one', path.join(root, 'two'));
    expect(() => append(path.join(root, 'one'))).toThrow(/^ELOOP: .*in a circle/);
  });
});

test('a descriptor of our own is opened under its name, as /dev/stdout is', () => {
  fs.writeFileSync(file, 'before\n');
  const fd = fs.openSync(file, 'r');
  append(`/dev/fd/${fd}`);
  fs.closeSync(fd);
  expect(read()).toBe('before\nwords\n');
});

test('a FIFO without a reader is an error at once, and one with a reader is not', () => {
  execFileSync('mkfifo', [file]);
  expect(() => append(file)).toThrow(expect.objectContaining({ code: 'ENXIO' }));
  const reader = fs.openSync(file, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK);
  append(file);
  fs.closeSync(reader);
});

test.each([
  ['a directory', (at: string) => fs.mkdirSync(at), '', 'EISDIR'],
  ['a path that names a directory', () => undefined, '/', 'EISDIR'],
  ['a path into nowhere', () => undefined, '/x', 'ENOENT'],
  ['a path into a file', (at: string) => fs.writeFileSync(at, ''), '/x', 'ENOTDIR'],
])('%s is an error that names the path as it is', (_, prepare, suffix, code) => {
  prepare(file);
  const before = fs.readdirSync('/proc/self/fd').length;
  const error = (() => {
    try {
      append(file + suffix);
      return null;
    } catch (thrown) {
      return thrown as NodeJS.ErrnoException;
    }
  })();
  expect(error?.code).toBe(code);
  expect(error?.message).not.toContain('/proc/');
  expect(fs.readdirSync('/proc/self/fd')).toHaveLength(before);
});
