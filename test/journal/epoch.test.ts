import fs from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import { afterEach, expect, test } from 'vitest';
import { nodeHost } from '../../lib/host/node-host.ts';
import { Epoch, UnsureError } from '../../lib/journal/epoch.ts';
import { encodeHeader, HeaderError } from '../../lib/journal/epoch-header.ts';
import type { JournalRecord } from '../../lib/journal/record.ts';
import { Tape, temporaryDirectory } from '../support/tape.ts';

const opened: number[] = [];

afterEach(() => {
  for (const fd of opened.splice(0)) fs.closeSync(fd);
});

function open(file: string): Epoch<Tape> {
  const fd = nodeHost.files.openForAppend(file);
  opened.push(fd);
  return new Epoch(nodeHost, fd, 1, (header) => new Tape(header));
}

/** A journal's file with these bytes behind its header. */
function fileWith(...parts: Array<string | Uint8Array>): string {
  const file = path.join(temporaryDirectory(), 'journal.1');
  fs.writeFileSync(file, encodeHeader([]));
  for (const part of parts) fs.appendFileSync(file, part);
  return file;
}

function idsIn(file: string): string[] {
  const epoch = open(file);
  epoch.fold();
  return epoch.machine.ids;
}

function framed(record: JournalRecord): Buffer {
  return Buffer.from(`\n${JSON.stringify(record)}`);
}

const first = framed(['enter', 'a:1', 'plain']);
const second = framed(['enter', 'b:1', 'zwölf € 🎟 "]" \\ [', [[1], {}]]);
const third = framed(['leave', 'c:1', 3]);

test('a record torn at any byte takes neither neighbour with it, read at once or as it comes', () => {
  for (let cut = 0; cut < second.length; cut++) {
    const torn = second.subarray(0, cut);
    expect(idsIn(fileWith(first, torn, third))).toEqual(['a:1', 'c:1']);

    const file = fileWith();
    const epoch = open(file);
    for (const part of [first, torn, third]) {
      fs.appendFileSync(file, part);
      epoch.fold();
    }
    expect(epoch.machine.ids).toEqual(['a:1', 'c:1']);
  }
});

test('a record that arrives in pieces is folded when its last byte is there, and not before', () => {
  for (let cut = 1; cut < second.length; cut++) {
    const file = fileWith(first, second.subarray(0, cut));
    const epoch = open(file);
    epoch.fold();
    expect(epoch.machine.ids).toEqual(['a:1']);
    fs.appendFileSync(file, second.subarray(cut));
    epoch.fold();
    expect(epoch.machine.ids).toEqual(['a:1', 'b:1']);
  }
});

test('a record counts though something stands behind it in its line, whenever that came', () => {
  const whole = framed(['enter', 'd:1', 'x']).subarray(1);
  for (const junk of ['foo', ' ', '\r', '\0\0\0', ']', whole]) {
    expect(idsIn(fileWith(first, second, junk, third))).toEqual(['a:1', 'b:1', 'c:1']);
    expect(idsIn(fileWith(first, second, junk))).toEqual(['a:1', 'b:1']);
    const file = fileWith();
    const epoch = open(file);
    for (const part of [first, second, junk, third]) {
      fs.appendFileSync(file, part);
      epoch.fold();
    }
    expect(epoch.machine.ids).toEqual(['a:1', 'b:1', 'c:1']);
  }
});

test('what stands behind our own record in its line is no record', () => {
  const file = fileWith(first);
  const epoch = open(file);
  epoch.fold();
  epoch.append(['leave', 'c:1', 3], third, third.length);
  fs.appendFileSync(file, framed(['enter', 'd:1', 'x']).subarray(1));
  epoch.fold();
  expect(epoch.machine.ids).toEqual(['a:1', 'c:1']);
  expect(idsIn(file)).toEqual(['a:1', 'c:1']);
});

test('what stands behind the header in its line is no record, whenever it came', () => {
  const whole = framed(['enter', 'd:1', 'x']).subarray(1);
  const file = fileWith();
  const epoch = open(file);
  fs.appendFileSync(file, whole);
  epoch.fold();
  expect(epoch.machine.ids).toEqual([]);
  expect(idsIn(file)).toEqual([]);
});

test('a whole last record counts, though no newline ends it', () => {
  expect(idsIn(fileWith(first, third))).toEqual(['a:1', 'c:1']);
});

test('garbage is skipped: blank lines, NULs, broken UTF-8, JSON that is no record, lines of a megabyte', () => {
  const garbage = [
    '\n\n\n',
    '\n\0\0\0\0',
    Buffer.from([0x0a, 0xff, 0xfe, 0xc3, 0x28]),
    '\n{"verb":"enter"}',
    '\n"enter"',
    '\n[]',
    '\n["enter"]',
    '\n["enter",""]',
    '\n["enter",7]',
    '\n[["enter"],"a:1"]',
    '\nnull',
    `\n${'x'.repeat(2 ** 20)}`,
    `\n["enter","big:1","${'x'.repeat(2 ** 20)}"]`,
  ];
  for (const piece of garbage) expect(idsIn(fileWith(first, piece, third))).toEqual(['a:1', 'c:1']);
  expect(idsIn(fileWith(first, ...garbage, third))).toEqual(['a:1', 'c:1']);
});

test('what is folded does not depend on where the reads begin and end', () => {
  const records = fc.array(
    fc.tuple(fc.string({ unit: 'binary', maxLength: 20 }), fc.constantFrom(0, 10, 40_000, 65_480, 65_535, 70_000)),
    { maxLength: 8 },
  );
  const property = fc.property(
    records,
    fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 6 }),
    (all, cuts) => {
      const bytes = Buffer.concat(
        all.map(([text, size], at) => framed(['enter', `a:${at + 1}`, text, 'x'.repeat(size)])),
      );
      const file = fileWith();
      const epoch = open(file);
      let from = 0;
      for (const to of [...cuts.map((cut) => Math.floor(cut * bytes.length)).sort((a, b) => a - b), bytes.length]) {
        fs.appendFileSync(file, bytes.subarray(from, to));
        epoch.fold();
        from = to;
      }
      expect(epoch.machine.ids).toEqual(idsIn(fileWith(bytes)));
    },
  );
  fc.assert(property, { numRuns: 30 });
});

test('a record of up to 65,535 bytes counts, and a longer one is void for everybody', () => {
  for (const [length, counts] of [
    [65_534, true],
    [65_535, true],
    [65_536, false],
    [65_537, false],
  ] as const) {
    const bare = JSON.stringify(['enter', 'long:1', '']).length;
    const long = framed(['enter', 'long:1', 'x'.repeat(length - bare)]);
    expect(long.length - 1).toBe(length);
    for (const behind of ['', third]) {
      expect(idsIn(fileWith(long, behind)).includes('long:1')).toBe(counts);
      expect(idsIn(fileWith(first, long, behind)).includes('long:1')).toBe(counts);
    }
  }
});

test('the first seal ends the epoch: what stands behind it is void', () => {
  const seal = framed(['seal', 's:1', 1]);
  const file = fileWith(first, seal, third, framed(['seal', 's:2', 1]));
  const epoch = open(file);
  epoch.fold();
  expect(epoch.sealed).toBe(true);
  expect(epoch.machine.ids).toEqual(['a:1']);
  fs.appendFileSync(file, second);
  epoch.fold();
  expect(epoch.machine.ids).toEqual(['a:1']);
});

test('a record appended behind a seal that was not read yet does not come by', () => {
  const file = fileWith(first);
  const epoch = open(file);
  epoch.fold();
  fs.appendFileSync(file, framed(['seal', 's:1', 1]));
  expect(epoch.append(['leave', 'c:1', 3], third, third.length)).toBeNull();
  expect(epoch.sealed).toBe(true);
  expect(epoch.machine.ids).toEqual(['a:1']);
});

test('an epoch that was read as sealed takes no more, and reads no further', () => {
  const file = fileWith(first, framed(['seal', 's:1', 1]), second);
  const epoch = open(file);
  epoch.fold();
  const bytes = fs.readFileSync(file);
  expect(epoch.append(['leave', 'c:1', 3], third, third.length)).toBeNull();
  expect(epoch.machine.ids).toEqual(['a:1']);
  expect(fs.readFileSync(file)).toEqual(bytes);
});

test('an append folds what others appended before it, in the order of the file', () => {
  const file = fileWith(first);
  const epoch = open(file);
  fs.appendFileSync(file, second);
  expect(epoch.append(['leave', 'c:1', 3], third, third.length)).toEqual({ outcome: 'c:1' });
  expect(epoch.machine.ids).toEqual(['a:1', 'b:1', 'c:1']);
  expect(epoch.offset).toBe(fs.statSync(file).size);
});

test('an append behind a torn record comes by', () => {
  const file = fileWith(first, second.subarray(0, 9));
  const epoch = open(file);
  epoch.fold();
  expect(epoch.append(['leave', 'c:1', 3], third, third.length)).toEqual({ outcome: 'c:1' });
  expect(epoch.machine.ids).toEqual(['a:1', 'c:1']);
});

test('a write that was cut short is tried once more; the second time it is an error', () => {
  for (const shortWrites of [1, 2]) {
    const file = fileWith(first);
    let short = shortWrites;
    const files = {
      ...nodeHost.files,
      write: (fd: number, buffer: Uint8Array, length: number) =>
        nodeHost.files.write(fd, buffer, short-- > 0 ? length - 3 : length),
    };
    const fd = nodeHost.files.openForAppend(file);
    opened.push(fd);
    const epoch = new Epoch({ ...nodeHost, files }, fd, 1, (header) => new Tape(header));
    const append = () => epoch.append(['leave', 'c:1', 3], third, third.length);
    if (shortWrites === 1) {
      expect(append()).toEqual({ outcome: 'c:1' });
      expect(idsIn(file)).toEqual(['a:1', 'c:1']);
    } else {
      expect(append).toThrow('ENOSPC');
      expect(idsIn(file)).toEqual(['a:1']);
    }
  }
});

test('a header longer than one read is read whole', () => {
  const file = path.join(temporaryDirectory(), 'journal.1');
  const records = Array.from({ length: 5_000 }, (_, at): JournalRecord => ['enter', `a:${at + 1}`, 'x'.repeat(60)]);
  fs.writeFileSync(file, encodeHeader(records));
  expect(idsIn(file)).toHaveLength(5_000);
  fs.appendFileSync(file, third);
  expect(idsIn(file)).toHaveLength(5_001);
});

test.each([
  ['a future version', '["lockstep",3,[]]', 'STORE_FORMAT'],
  ['a version from before the first release', '["lockstep",1,[]]', 'STORE_FORMAT'],
  ['a version that is none', '["lockstep","1",[]]', 'STORE_FORMAT'],
  ['another program’s file', '#!/bin/sh', 'STORE_DAMAGED'],
  ['nothing', '', 'STORE_DAMAGED'],
  ['NULs', '\0'.repeat(64), 'STORE_DAMAGED'],
  ['a torn header', '["lockstep",2,[', 'STORE_DAMAGED'],
  ['a header its machine does not know', '["lockstep",2,{}]', 'STORE_DAMAGED'],
])('a file that begins with %s is refused and stays as it was', (_, text, code) => {
  const file = path.join(temporaryDirectory(), 'journal.1');
  fs.writeFileSync(file, text);
  expect(() => open(file)).toThrow(expect.objectContaining({ code }));
  expect(() => open(file)).toThrow(HeaderError);
  expect(fs.readFileSync(file, 'utf8')).toBe(text);
});

test('a header of 60 MiB of brackets is refused without parsing them', () => {
  const file = path.join(temporaryDirectory(), 'journal.1');
  fs.writeFileSync(file, `["lockstep",2,${'['.repeat(60 * 2 ** 20)}]`);
  const began = performance.now();
  expect(() => open(file)).toThrow(expect.objectContaining({ code: 'STORE_DAMAGED' }));
  // Parsing them takes ten times as long.
  expect(performance.now() - began).toBeLessThan(3_000);
});

test('a record that cannot be read back is reported as unsure, and counts as soon as it is read', () => {
  const file = fileWith(first);
  let fails = false;
  const files = {
    ...nodeHost.files,
    read(fd: number, buffer: Uint8Array, position: number) {
      if (fails) throw Object.assign(new Error('EIO'), { code: 'EIO' });
      return nodeHost.files.read(fd, buffer, position);
    },
  };
  const fd = nodeHost.files.openForAppend(file);
  opened.push(fd);
  const epoch = new Epoch({ ...nodeHost, files }, fd, 1, (header) => new Tape(header));
  fails = true;
  expect(() => epoch.append(['leave', 'c:1', 3], third, third.length)).toThrow(UnsureError);
  fails = false;
  epoch.fold();
  expect(epoch.machine.ids).toEqual(['a:1', 'c:1']);
});
