import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { StoreError } from '../../lib/errors.ts';
import { nodeHost } from '../../lib/host/node-host.ts';
import { encodeHeader } from '../../lib/journal/epoch-header.ts';
import { Journal } from '../../lib/journal/journal.ts';
import { FaultyHost } from '../faults/faulty-host.ts';
import { Tape, temporaryDirectory } from '../support/tape.ts';

let directory: string;
const journals: Array<Journal<Tape>> = [];

beforeEach(() => {
  directory = temporaryDirectory();
});

afterEach(() => {
  for (const journal of journals.splice(0)) journal.close();
});

function open(key: string, rotateBytes = 65_536, files = nodeHost.files): Journal<Tape> {
  const host = { ...nodeHost, files };
  const options = {
    host,
    directory,
    subject: 'deploy',
    fileMode: 0o600,
    directoryMode: 0o700,
    load: (h: unknown) => new Tape(h),
  };
  const journal = Journal.open<Tape>({ ...options, key, rotateBytes, initial: () => [] });
  if (!journal) throw new Error('no journal');
  journals.push(journal);
  return journal;
}

let numbers = 0;

function append(journal: Journal<Tape>, key: string): string {
  const id = `${key}:${++numbers}`;
  journal.append(['note', id], JSON.stringify(['note', id]));
  return id;
}

function names(): string[] {
  return fs.readdirSync(directory).sort();
}

test('a journal whose resource was forgotten is over for good, also when another one has its name', () => {
  const mine = open('a');
  append(mine, 'a');
  const theirs = open('b');
  theirs.append(['forget', 'b:end'], '["forget","b:end"]');
  expect([mine.refresh(), mine.isOver]).toEqual([true, true]);
  const anew = open('c');
  expect([anew.epoch, anew.machine.records]).toEqual([2, []]);
  expect(() => append(mine, 'a')).toThrow(expect.objectContaining({ code: 'STORE_GONE' }));
  expect([mine.refresh(), mine.isOver]).toEqual([false, true]);
  append(anew, 'c');
  expect(anew.machine.records).toHaveLength(1);
});

test('without an initial header a journal that is not there is not made', () => {
  const options = {
    host: nodeHost,
    directory,
    subject: 'deploy',
    fileMode: 0o600,
    directoryMode: 0o700,
    load: (h: unknown) => new Tape(h),
  };
  expect(Journal.open<Tape>({ ...options, key: 'a' })).toBeNull();
  expect(names()).toEqual([]);
});

test('what one appends the other folds, in the same order', () => {
  const [a, b] = [open('a'), open('b')];
  const ids = [append(a, 'a'), append(b, 'b'), append(b, 'b'), append(a, 'a')];
  a.refresh();
  b.refresh();
  expect(a.machine.ids).toEqual(ids);
  expect(b.machine.ids).toEqual(ids);
  expect(b.refresh()).toBe(false);
});

test('through many rotations by several nothing is lost, doubled or reordered', () => {
  const keys = ['a', 'b', 'c'];
  const all = keys.map((key) => open(key, 120));
  const ids: string[] = [];
  for (let round = 0; round < 60; round++) {
    const which = (round * 7 + Math.floor(round / 5)) % 3;
    ids.push(append(all[which] as Journal<Tape>, keys[which] as string));
  }
  for (const journal of all) {
    journal.refresh();
    expect(journal.machine.ids).toEqual(ids);
    expect(journal.epoch).toBeGreaterThan(5);
    expect(journal.isInPlace()).toBe(true);
  }
  expect(open('d').machine.ids).toEqual(ids);
});

test('rotation keeps one predecessor, and sweeps away what a killed process left', () => {
  const journal = open('a', 100);
  fs.writeFileSync(path.join(directory, 'next.2.dead.1'), 'torn');
  fs.writeFileSync(path.join(directory, 'other'), 'not ours');
  while (journal.epoch < 5) append(journal, 'a');
  expect(names()).toEqual(['journal.4', 'journal.5', 'other']);
});

test('a private file for an epoch yet to come is left to its maker', () => {
  const journal = open('a', 100);
  fs.writeFileSync(path.join(directory, 'next.9.alive.1'), 'torn');
  while (journal.epoch < 3) append(journal, 'a');
  expect(names()).toContain('next.9.alive.1');
});

test('a sealed journal whose sealer died before making the next one is moved on by whoever comes', () => {
  const journal = open('a');
  const id = append(journal, 'a');
  fs.appendFileSync(path.join(directory, 'journal.1'), '\n["seal","dead:seal1",1]');
  const next = open('b');
  expect(next.epoch).toBe(2);
  expect(next.machine.ids).toEqual([id]);
  const later = append(journal, 'a');
  expect(journal.epoch).toBe(2);
  next.refresh();
  expect(next.machine.ids).toEqual([id, later]);
});

test('a session that only reads makes no epoch behind the seal of another one; the next to append makes it', () => {
  const journal = open('a');
  const one = append(journal, 'a');
  const reader = open('b');
  fs.appendFileSync(path.join(directory, 'journal.1'), '\n["seal","x:seal1",1]');
  for (let look = 0; look < 2; look++) {
    reader.refresh();
    expect([reader.epoch, reader.isInPlace(), reader.isOver, names()]).toEqual([1, true, false, ['journal.1']]);
  }
  const two = append(journal, 'a');
  expect([journal.epoch, reader.refresh(), reader.epoch]).toEqual([2, true, 2]);
  const three = append(reader, 'b');
  expect(reader.machine.ids).toEqual([one, two, three]);
});

test('what stands behind another’s seal stays void for one who was about to seal too', () => {
  const others = '\n["seal","b:seal1",1]\n["note","b:void"]';
  let isFirst = true;
  const files = {
    ...nodeHost.files,
    write(fd: number, buffer: Uint8Array, length: number) {
      const written = nodeHost.files.write(fd, buffer, length);
      // Between our record and our reading it back.
      if (isFirst) fs.appendFileSync(path.join(directory, 'journal.1'), others);
      isFirst = false;
      return written;
    },
  };
  open('first');
  const journal = open('a', 10, files);
  const id = append(journal, 'a');
  expect(journal.epoch).toBe(2);
  expect(journal.machine.ids).toEqual([id]);
  expect(open('c').machine.ids).toEqual([id]);
  expect(fs.readFileSync(path.join(directory, 'journal.1'), 'utf8')).toMatch(/"b:void"\]$/);
});

test('a failing rotation does not fail the append that set it off', () => {
  const files = {
    ...nodeHost.files,
    link: () => {
      throw Object.assign(new Error('ENOSPC'), { code: 'ENOSPC' });
    },
  };
  open('first');
  const journal = open('a', 10, files);
  const id = append(journal, 'a');
  expect(journal.machine.ids).toEqual([id]);
  expect(names()).toEqual(['journal.1']);
  expect(() => append(journal, 'a')).toThrow(StoreError);
  // For the others it goes on.
  expect(open('b').machine.ids).toEqual([id]);
});

test('journals have the mode they are given', () => {
  open('a');
  expect(fs.statSync(path.join(directory, 'journal.1')).mode & 0o777).toBe(0o600);
});

test('a deleted or replaced journal is noticed', () => {
  const journal = open('a');
  expect(journal.isInPlace()).toBe(true);
  const file = path.join(directory, 'journal.1');
  fs.renameSync(file, `${file}.old`);
  expect(journal.isInPlace()).toBe(false);
  fs.writeFileSync(file, encodeHeader([]));
  expect(journal.isInPlace()).toBe(false);
});

test.each([
  ['a future format', '["lockstep",3,[]]\n["x","a:1"]', 'STORE_FORMAT'],
  ['garbage', 'garbage', 'STORE_DAMAGED'],
  ['an empty file', '', 'STORE_DAMAGED'],
])('%s is an error that names the resource and the directory, and changes nothing', (_, text, code) => {
  const file = path.join(directory, 'journal.3');
  fs.writeFileSync(file, text);
  expect(() => open('a')).toThrow(StoreError);
  expect(() => open('a')).toThrow(expect.objectContaining({ code, path: directory, resource: 'deploy' }));
  expect(() => open('a')).toThrow(`deploy: its journal in ${directory} cannot be used`);
  expect(names()).toEqual(['journal.3']);
  expect(fs.readFileSync(file, 'utf8')).toBe(text);
});

test('a symbolic link in the journal’s place is refused, and not followed', () => {
  const target = path.join(temporaryDirectory(), 'target');
  fs.writeFileSync(target, encodeHeader([]));
  fs.symlinkSync(target, path.join(directory, 'journal.1'));
  expect(() => open('a')).toThrow(expect.objectContaining({ code: 'STORE_UNSAFE' }));
  expect(fs.readFileSync(target)).toEqual(encodeHeader([]));
});

test('a FIFO in the journal’s place is refused, and does not hang', () => {
  execFileSync('mkfifo', [path.join(directory, 'journal.1')]);
  expect(() => open('a')).toThrow(expect.objectContaining({ code: 'STORE_UNSAFE' }));
});

test('a directory in the journal’s place is refused', () => {
  fs.mkdirSync(path.join(directory, 'journal.1'));
  expect(() => open('a')).toThrow(expect.objectContaining({ code: 'STORE_UNSAFE' }));
});

test('a journal that says less than was read from it is not the one that was opened', () => {
  const journal = open('a');
  append(journal, 'a');
  const file = path.join(directory, 'journal.1');
  const { size } = fs.statSync(file);
  fs.truncateSync(file, size - 1);
  expect(journal.isInPlace()).toBe(false);
});

test('behind the last number that a journal can have there is no other, and that is an error at once', () => {
  const file = path.join(directory, 'journal.999999999999999');
  fs.writeFileSync(file, Buffer.concat([encodeHeader([]), Buffer.from('\n["seal","b:1",1]')]));
  let created = 0;
  const files = {
    ...nodeHost.files,
    create(name: string, mode: number) {
      created += 1;
      return nodeHost.files.create(name, mode);
    },
  };
  expect(() => open('a', 65_536, files)).toThrow(expect.objectContaining({ code: 'STORE_DAMAGED' }));
  expect(created).toBe(0);
});

test('a journal of over 1 GiB is refused unread', () => {
  const file = path.join(directory, 'journal.1');
  fs.writeFileSync(file, Buffer.concat([encodeHeader([]), Buffer.from('\n')]));
  fs.truncateSync(file, 2 ** 30 + 1);
  expect(() => open('a')).toThrow(expect.objectContaining({ code: 'STORE_DAMAGED' }));
  fs.truncateSync(file, 2 ** 20);
  expect(open('a').machine.ids).toEqual([]);
});

test('a directory with any number of names can be looked through', () => {
  const crowd = Array.from({ length: 300_000 }, (_, at) => `other.${at}`);
  const files = {
    ...nodeHost.files,
    list: (place: string) => [...crowd, ...(nodeHost.files.list(place) ?? [])],
  };
  expect(open('a', 65_536, files).epoch).toBe(1);
});

test('an opening that fails leaves no descriptor open, however often it is tried', () => {
  open('first');
  fs.appendFileSync(path.join(directory, 'journal.1'), '\n["seal","b:1",1]');
  const host = new FaultyHost();
  host.failWhen((_, kind) => (kind === 'create' ? 'ENOSPC' : null));
  for (let times = 0; times < 3; times++)
    expect(() => open('a', 65_536, host.files)).toThrow(expect.objectContaining({ code: 'STORE_FULL' }));
  expect(host.open.size).toBe(0);
});

test('a record into which another one was written, between its two parts, is written once more; neither is lost or doubled', () => {
  const other = open('b');
  let torn = false;
  const files = {
    ...nodeHost.files,
    // As libuv goes on with a write of which the kernel took a part.
    write(fd: number, buffer: Uint8Array, length: number) {
      if (torn) return nodeHost.files.write(fd, buffer, length);
      torn = true;
      const half = Math.floor(length / 2);
      nodeHost.files.write(fd, buffer, half);
      append(other, 'b');
      return half + nodeHost.files.write(fd, buffer.subarray(half), length - half);
    },
  };
  const journal = open('a', 65_536, files);
  const id = append(journal, 'a');
  expect(torn).toBe(true);
  expect(journal.machine.ids).toHaveLength(2);
  expect(journal.machine.ids.at(-1)).toBe(id);
  expect(open('c').machine.ids).toEqual(journal.machine.ids);
});

test('a record that does not come by, however often it is written, is an error', () => {
  open('first');
  const files = { ...nodeHost.files, write: (_fd: number, _buffer: Uint8Array, length: number) => length };
  const journal = open('a', 65_536, files);
  expect(() => append(journal, 'a')).toThrow(expect.objectContaining({ code: 'STORE_DAMAGED' }));
});
