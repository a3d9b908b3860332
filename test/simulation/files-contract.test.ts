import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { Files } from '../../lib/host/host.ts';
import { nodeHost } from '../../lib/host/node-host.ts';
import { SimDisk } from './sim-disk.ts';
import { directHost } from './sim-host.ts';

// A simulation is worth what its disk is worth: the same expectations hold of it and of the real one.

const made: string[] = [];
afterEach(() => {
  for (const directory of made.splice(0)) fs.rmSync(directory, { recursive: true });
});

function real(): { files: Files; root: string } {
  const root = fs.mkdtempSync(path.join(os.tmpdir(), 'lockstep-contract-'));
  made.push(root);
  return { files: nodeHost.files, root };
}

function simulated(): { files: Files; root: string } {
  const { files } = directHost(new SimDisk(), { key: 'a', pid: 1, wallMicros: 1, tickMs: 0 });
  files.makeDirectory('/root', 0o700);
  return { files, root: '/root' };
}

function codeOf(call: () => unknown): string | undefined {
  try {
    call();
  } catch (error) {
    return (error as NodeJS.ErrnoException).code;
  }
  return undefined;
}

function write(files: Files, fd: number, text: string): number {
  return files.write(fd, Buffer.from(`${text}not this`), text.length);
}

function textAt(files: Files, fd: number, position: number, length = 100): string {
  const buffer = Buffer.alloc(length);
  return buffer.toString('utf8', 0, files.read(fd, buffer, position));
}

function make(files: Files, file: string, text: string): void {
  const fd = files.create(file, 0o600);
  write(files, fd, text);
  files.close(fd);
}

describe.each([
  ['the real files', real],
  ['the simulated files', simulated],
])('%s', (_, setUp) => {
  it('append behind whatever others have written', () => {
    const { files, root } = setUp();
    make(files, `${root}/f`, 'head');
    const [one, other] = [files.openForAppend(`${root}/f`), files.openForAppend(`${root}/f`)];
    expect([write(files, one, '-one'), write(files, other, '-other'), write(files, one, '-1')]).toEqual([4, 6, 2]);
    expect(textAt(files, other, 0)).toBe('head-one-other-1');
    files.close(one);
    files.close(other);
  });

  it('read from a position, as much as fits, and nothing at the end', () => {
    const { files, root } = setUp();
    make(files, `${root}/f`, '0123456789');
    const fd = files.openForAppend(`${root}/f`);
    expect([textAt(files, fd, 3, 4), textAt(files, fd, 8, 4), textAt(files, fd, 10, 4)]).toEqual(['3456', '89', '']);
    files.close(fd);
  });

  it('create only what is not there', () => {
    const { files, root } = setUp();
    make(files, `${root}/f`, '');
    expect(codeOf(() => files.create(`${root}/f`, 0o600))).toBe('EEXIST');
    expect(codeOf(() => files.create(`${root}/none/f`, 0o600))).toBe('ENOENT');
  });

  it('open only what is there', () => {
    const { files, root } = setUp();
    expect(codeOf(() => files.openForAppend(`${root}/f`))).toBe('ENOENT');
    expect(codeOf(() => files.openForAppend(root))).toMatch(/EISDIR|EINVAL/);
  });

  it('link never over something, and never from nothing', () => {
    const { files, root } = setUp();
    make(files, `${root}/one`, '1');
    make(files, `${root}/other`, '2');
    expect(files.link(`${root}/one`, `${root}/other`)).toBe(false);
    expect(files.link(`${root}/one`, `${root}/new`)).toBe(true);
    expect(codeOf(() => files.link(`${root}/none`, `${root}/new2`))).toBe('ENOENT');
    const [one, linked] = [files.look(`${root}/one`), files.look(`${root}/new`)];
    expect(linked?.inode).toBe(one?.inode);
    expect(files.look(`${root}/other`)?.inode).not.toBe(one?.inode);
    const fd = files.openForAppend(`${root}/other`);
    expect(textAt(files, fd, 0)).toBe('2');
    files.close(fd);
  });

  it('remove a name, and leave the file to whoever has it open', () => {
    const { files, root } = setUp();
    make(files, `${root}/f`, 'old');
    const fd = files.openForAppend(`${root}/f`);
    expect([files.remove(`${root}/f`), files.remove(`${root}/f`)]).toEqual([true, false]);
    make(files, `${root}/f`, 'new');
    write(files, fd, '+');
    expect(textAt(files, fd, 0)).toBe('old+');
    const successor = files.openForAppend(`${root}/f`);
    expect(textAt(files, successor, 0)).toBe('new');
    files.close(fd);
    files.close(successor);
  });

  it('list the names that are there, and know a directory from none', () => {
    const { files, root } = setUp();
    expect(files.list(root)).toEqual([]);
    make(files, `${root}/b`, '');
    make(files, `${root}/a`, '');
    expect(files.makeDirectory(`${root}/c`, 0o700)).toBe(true);
    make(files, `${root}/c/deep`, '');
    expect(files.list(root)?.sort()).toEqual(['a', 'b', 'c']);
    expect(files.list(`${root}/none`)).toBeNull();
  });

  it('make a directory once', () => {
    const { files, root } = setUp();
    expect([files.makeDirectory(`${root}/d`, 0o700), files.makeDirectory(`${root}/d`, 0o700)]).toEqual([true, false]);
    expect(codeOf(() => files.makeDirectory(`${root}/none/d`, 0o700))).toBe('ENOENT');
  });

  it('look at what is there: a file, a directory, nothing', () => {
    const { files, root } = setUp();
    make(files, `${root}/f`, '');
    expect(files.look(`${root}/f`)?.kind).toBe('file');
    expect(files.look(root)?.kind).toBe('directory');
    expect(files.look(`${root}/none`)).toBeNull();
  });
});
