import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { readKept, writeKept } from '../../../cli/startup/kept-file.ts';

const CONTENTS = Buffer.from(Array.from({ length: 3_000 }, (_, i) => (i * i) % 251));
const SECTOR = 512;
const OTHER_USER = 61_001;

let directory: string;
let file: string;

beforeEach(() => {
  directory = fs.mkdtempSync(path.join(os.tmpdir(), 'lockstep-kept-'));
  file = path.join(directory, 'file');
});

afterEach(() => fs.rmSync(directory, { recursive: true }));

const sectorsOf = (bytes: Buffer) => Array.from({ length: Math.ceil(bytes.length / SECTOR) }, (_, i) => i * SECTOR);

/** A part of the bytes is zero: they were not on the disk when the power failed. */
function lost(bytes: Buffer, from: number, to = from + SECTOR): Buffer {
  return Buffer.from(bytes.map((byte, at) => (at >= from && at < to ? 0 : byte)));
}

const kept = () => readKept(file)?.subarray(0, CONTENTS.length);

describe('a file that was kept', () => {
  beforeEach(() => writeKept(file, () => CONTENTS));

  test('is read as it was written, and nobody else may read or write it', () => {
    expect(kept()).toEqual(CONTENTS);
    expect(fs.statSync(file).mode & 0o777).toBe(0o600);
    expect(fs.readdirSync(directory)).toEqual(['file']);
  });

  test('is replaced as a whole', () => {
    const other = Buffer.alloc(CONTENTS.length, 7);
    const before = fs.openSync(file, 'r');
    const size = fs.fstatSync(before).size;
    writeKept(file, () => other);
    expect(kept()).toEqual(other);
    expect(fs.fstatSync(before).size).toBe(size);
    expect(fs.fstatSync(before).ino).not.toBe(fs.statSync(file).ino);
    fs.closeSync(before);
  });

  test('is not read with any byte changed', () => {
    const whole = fs.readFileSync(file);
    fc.assert(
      fc.property(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
        const damaged = Buffer.from(whole);
        damaged[at] = (damaged[at] ?? 0) ^ flip;
        fs.writeFileSync(file, damaged);
        expect(readKept(file)).toBeNull();
      }),
      { numRuns: 300 },
    );
  });

  test('is not read if it was cut off anywhere, or is longer', () => {
    const whole = fs.readFileSync(file);
    for (const length of [0, 1, 7, 8, 9, 511, whole.length / 2, whole.length - 1]) {
      fs.writeFileSync(file, whole.subarray(0, length));
      expect(readKept(file)).toBeNull();
    }
    fs.writeFileSync(file, Buffer.concat([whole, Buffer.of(0)]));
    expect(readKept(file)).toBeNull();
  });

  test('is not read with any of its sectors, or all that follow one, lost', () => {
    const whole = fs.readFileSync(file);
    const damages = sectorsOf(whole).flatMap((at) => [lost(whole, at), lost(whole, at, whole.length)]);
    // The last sector ends in what is zero anyway.
    for (const damaged of damages.filter((bytes) => !bytes.equals(whole))) {
      fs.writeFileSync(file, damaged);
      expect(readKept(file)).toBeNull();
    }
  });

  test('is not read if the same sectors of both copies were lost', () => {
    const whole = fs.readFileSync(file);
    const distance = Math.floor(whole.length / 2 / SECTOR) * SECTOR;
    for (const at of sectorsOf(whole).filter((one) => one < distance))
      for (const second of [at + distance, at + distance + SECTOR]) {
        fs.writeFileSync(file, lost(lost(whole, at), second));
        expect(readKept(file)).toBeNull();
      }
  });

  test.each([
    ['may write', 0o620],
    ['may write, as all may', 0o602],
  ])('is not read if its group %s', (_, mode) => {
    fs.chmodSync(file, mode);
    expect(readKept(file)).toBeNull();
  });

  test('is not read by way of a link', () => {
    const link = path.join(directory, 'link');
    fs.symlinkSync(file, link);
    expect(readKept(link)).toBeNull();
  });

  test.runIf(process.getuid?.() === 0)('is not read if it is another user’s', () => {
    fs.chownSync(file, OTHER_USER, OTHER_USER);
    expect(readKept(file)).toBeNull();
  });

  test('stays as it is if the new one cannot be made, and nothing of that is left', () => {
    expect(() =>
      writeKept(file, () => {
        throw new Error('no code');
      }),
    ).toThrow('no code');
    expect(kept()).toEqual(CONTENTS);
    expect(fs.readdirSync(directory)).toEqual(['file']);
  });
});

test('what is no file is not read, and does not hang', () => {
  expect(readKept(file)).toBeNull();
  fs.mkdirSync(file);
  expect(readKept(file)).toBeNull();
  fs.rmdirSync(file);
  execFileSync('mkfifo', [file]);
  expect(readKept(file)).toBeNull();
});
