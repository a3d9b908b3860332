import fs from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import type { Files } from '../../lib/host/host.ts';
import { nodeHost } from '../../lib/host/node-host.ts';
import { EpochFiles, type EpochFilesOptions } from '../../lib/journal/epoch-files.ts';
import { temporaryDirectory } from '../support/tape.ts';

let root: string;
let directory: string;
beforeEach(() => {
  root = temporaryDirectory();
  directory = path.join(root, 'deploy');
});

function epochFiles(options: Partial<EpochFilesOptions> = {}): EpochFiles {
  const place = { host: nodeHost, directory, subject: 'deploy' };
  return new EpochFiles({ ...place, key: 'a', fileMode: 0o600, directoryMode: 0o700, ...options });
}

/** The real files, but for these. */
function withFiles(files: Partial<Files>): Partial<EpochFilesOptions> {
  return { host: { ...nodeHost, files: { ...nodeHost.files, ...files } } };
}

function names(): string[] {
  return fs.readdirSync(directory).sort();
}

function inodeOf(number: number): number {
  return fs.statSync(path.join(directory, `journal.${number}`)).ino;
}

describe('a new resource', () => {
  test('gets its directory with its first epoch, and nothing is left beside it', () => {
    epochFiles().begin(() => ({ of: 'deploy' }));
    expect(fs.readFileSync(path.join(directory, 'journal.1'), 'utf8')).toBe('["lockstep",2,{"of":"deploy"}]');
    expect(fs.readdirSync(root)).toEqual(['deploy']);
    expect(fs.statSync(directory).mode & 0o777).toBe(0o700);
  });

  test.each([
    ['an empty directory', []],
    ['a directory with what others left behind that were about to make an epoch', ['next.4.b.1', 'next.1.c.2']],
  ])('takes the place of %s', (_, left) => {
    fs.mkdirSync(directory);
    for (const name of left) fs.writeFileSync(path.join(directory, name), '');
    const files = epochFiles();
    while (files.highest() === 0) files.begin(() => ({}));
    expect(names()).toEqual(['journal.1']);
  });

  test('is not made where it is', () => {
    epochFiles({ firstEpoch: () => 3 }).begin(() => 'theirs');
    epochFiles({ key: 'b' }).begin(() => 'ours');
    expect(names()).toEqual(['journal.3']);
    expect(fs.readdirSync(root)).toEqual(['deploy']);
  });

  test('is made in a directory that has other programs’ files, too', () => {
    fs.mkdirSync(directory);
    fs.writeFileSync(path.join(directory, 'notes.txt'), '');
    epochFiles().begin(() => ({}));
    expect(names()).toEqual(['journal.1', 'notes.txt']);
  });

  test('does not get a number that was taken before another directory of the name was removed', () => {
    const numbers = [1, 5];
    const remover = epochFiles({ key: 'b' });
    const files = epochFiles({
      firstEpoch() {
        const number = numbers.shift() as number;
        if (number === 1) remover.removePrepared();
        return number;
      },
    });
    files.begin(() => ({}));
    expect(fs.existsSync(directory)).toBe(false);
    files.begin(() => ({}));
    expect(names()).toEqual(['journal.5']);
    expect(fs.readdirSync(root)).toEqual(['deploy']);
  });

  test.each(['makeDirectory', 'create', 'write', 'sync', 'rename'] as const)(
    'leaves nothing where %s fails, and says why',
    (call) => {
      const fails = () => {
        throw Object.assign(new Error('ENOSPC: no space'), { code: 'ENOSPC' });
      };
      expect(() => epochFiles(withFiles({ [call]: fails })).begin(() => ({}))).toThrow('ENOSPC');
      expect(fs.readdirSync(root)).toEqual([]);
    },
  );
});

describe('the next epoch', () => {
  test('follows the one that was folded', () => {
    const files = epochFiles();
    files.begin(() => ({}));
    files.publish({ number: 1, inode: inodeOf(1) }, {});
    expect(names()).toEqual(['journal.1', 'journal.2']);
  });

  test('is not made in the directory of a successor', () => {
    epochFiles().begin(() => ({}));
    const last = { number: 1, inode: inodeOf(1) };
    epochFiles({ key: 'b' }).removeForgotten(1);
    epochFiles({ key: 'b', firstEpoch: () => 3 }).begin(() => ({}));
    epochFiles().publish(last, {});
    expect(names()).toEqual(['journal.3']);
  });

  test('is not made if the directory is removed between the look at the last one and the link', () => {
    epochFiles().begin(() => ({}));
    const last = { number: 1, inode: inodeOf(1) };
    const other = epochFiles({ key: 'b', firstEpoch: () => 3 });
    const files = epochFiles(
      withFiles({
        link(from, to) {
          other.removeForgotten(1);
          other.begin(() => ({}));
          return nodeHost.files.link(from, to);
        },
      }),
    );
    files.publish(last, {});
    expect(names()).toEqual(['journal.3']);
  });

  test('is not made if there is no directory any more', () => {
    epochFiles().begin(() => ({}));
    const last = { number: 1, inode: inodeOf(1) };
    epochFiles({ key: 'b' }).removeForgotten(1);
    epochFiles().publish(last, {});
    expect(fs.existsSync(directory)).toBe(false);
  });
});

describe('a directory whose resource was forgotten', () => {
  test('is removed with all its epochs, and what is left of those who were about to make one', () => {
    const files = epochFiles();
    files.begin(() => ({}));
    files.publish({ number: 1, inode: inodeOf(1) }, {});
    fs.writeFileSync(path.join(directory, 'next.3.b.1'), '');
    expect(files.removeForgotten(2)).toBe(true);
    expect(fs.readdirSync(root)).toEqual([]);
  });

  test('stays if there is a successor', () => {
    const files = epochFiles();
    files.begin(() => ({}));
    files.publish({ number: 1, inode: inodeOf(1) }, {});
    expect(files.removeForgotten(1)).toBe(false);
    expect(names()).toEqual(['journal.1', 'journal.2']);
  });

  test('stays, epochs and all, if it has other programs’ files', () => {
    const files = epochFiles();
    files.begin(() => ({}));
    fs.writeFileSync(path.join(directory, 'notes.txt'), 'mine');
    expect(files.removeForgotten(1)).toBe(false);
    expect(names()).toEqual(['journal.1', 'notes.txt']);
  });
});
