import fs from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { guardedFiles } from '../../lib/disk/guarded-files.ts';
import { nodeHost } from '../../lib/host/node-host.ts';
import { temporaryDirectory } from '../support/tape.ts';

/** The files, and what was done under the guard: the size of the file before and after. */
function guarded() {
  const directory = temporaryDirectory();
  const file = path.join(directory, 'journal.1');
  fs.writeFileSync(file, 'head');
  const alone: Array<[before: number, after: number]> = [];
  const files = guardedFiles(
    nodeHost.files,
    (of, call) => {
      expect(of).toBe(file);
      const before = fs.statSync(of).size;
      const result = call();
      alone.push([before, fs.statSync(of).size]);
      return result;
    },
    'nonce',
  );
  return { directory, file, files, alone };
}

test('an append is made under the guard, and nothing else is', () => {
  const { file, directory, files, alone } = guarded();
  const fd = files.openForAppend(file);
  files.read(fd, Buffer.alloc(10), 0);
  expect(alone).toEqual([]);
  expect(files.write(fd, Buffer.from('more'), 4)).toBe(4);
  expect(alone).toEqual([[4, 8]]);
  const own = files.create(path.join(directory, 'next.2.k.1'), 0o600);
  files.write(own, Buffer.from('mine'), 4);
  files.close(own);
  files.close(fd);
  expect(alone).toHaveLength(1);
  expect(fs.readFileSync(path.join(directory, 'next.2.k.1'), 'utf8')).toBe('mine');
});

test('a reading sees the file that is in its place, not the one that was opened', () => {
  const { file, directory, files } = guarded();
  const fd = files.openForAppend(file);
  fs.writeFileSync(path.join(directory, 'other'), 'a newer one');
  fs.renameSync(path.join(directory, 'other'), file);
  const buffer = Buffer.alloc(20);
  expect(buffer.toString('utf8', 0, files.read(fd, buffer, 0))).toBe('a newer one');
  files.close(fd);
});

test('of a file that is gone there is nothing to read, and writing to it is an error', () => {
  const { file, files } = guarded();
  const fd = files.openForAppend(file);
  fs.rmSync(file);
  expect(files.read(fd, Buffer.alloc(10), 0)).toBe(0);
  const missing = expect.objectContaining({ code: 'ENOENT' });
  const gone = guardedFiles(nodeHost.files, (_path, call) => call(), 'nonce');
  fs.writeFileSync(file, '');
  const other = gone.openForAppend(file);
  fs.rmSync(file);
  expect(() => gone.write(other, Buffer.from('x'), 1)).toThrow(missing);
  for (const open of [fd, other]) nodeHost.files.close(open);
});

test.skipIf(process.platform !== 'linux')(
  'descriptors that it opens for a call are closed after it, whatever happens',
  () => {
    const { file, files } = guarded();
    const fd = files.openForAppend(file);
    const open = () => fs.readdirSync('/proc/self/fd').length;
    const before = open();
    for (let time = 0; time < 20; time++) {
      files.read(fd, Buffer.alloc(10), 0);
      files.write(fd, Buffer.from('x'), 1);
      expect(() => files.write(fd, Buffer.alloc(1), 5)).toThrow();
    }
    expect(open()).toBe(before);
    files.close(fd);
  },
);

test('a directory that is listed has nothing of ours in it', () => {
  const { directory, files } = guarded();
  expect(files.list(directory)).toEqual(['journal.1']);
  expect(files.list(path.join(directory, 'none'))).toBeNull();
});
