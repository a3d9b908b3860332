import fs from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { EpochFloor } from '../../lib/disk/epoch-floor.ts';
import type { Files } from '../../lib/host/host.ts';
import { nodeHost } from '../../lib/host/node-host.ts';
import { temporaryDirectory } from '../support/tape.ts';

function floorIn(directory: string, files: Partial<Files> = {}): EpochFloor {
  const store = { path: directory, directoryMode: 0o700, fileMode: 0o600, local: true, guarded: false, remake() {} };
  return new EpochFloor({ ...nodeHost, files: { ...nodeHost.files, ...files } }, store);
}

test('the floor is zero at first, and then the greatest epoch and the greatest ticket', () => {
  const directory = temporaryDirectory();
  const floor = floorIn(directory);
  expect(floor.read()).toEqual({ epoch: 0, last: 0 });
  floor.raise({ epoch: 3, last: 10 });
  floor.raise({ epoch: 2, last: 30 });
  floor.raise({ epoch: 7, last: 20 });
  expect(floorIn(directory).read()).toEqual({ epoch: 7, last: 30 });
});

test('the floor’s file does not grow where nothing rises', () => {
  const directory = temporaryDirectory();
  const floor = floorIn(directory);
  floor.raise({ epoch: 7, last: 30 });
  const { size } = fs.statSync(path.join(directory, 'forgotten'));
  for (let epoch = 1; epoch <= 7; epoch++) floor.raise({ epoch, last: 30 });
  expect(fs.statSync(path.join(directory, 'forgotten')).size).toBe(size);
});

test('a torn line, and anything else that is none, counts for nothing', () => {
  const directory = temporaryDirectory();
  fs.writeFileSync(path.join(directory, 'forgotten'), '\n5 100\n\n9\n\nhello\n\n12 4');
  expect(floorIn(directory).read()).toEqual({ epoch: 12, last: 100 });
  fs.writeFileSync(path.join(directory, 'forgotten'), '\n5 100\n\n9');
  floorIn(directory).raise({ epoch: 6, last: 0 });
  expect(floorIn(directory).read()).toEqual({ epoch: 6, last: 100 });
});

test('a floor that could not be raised is an error, so nothing is removed', () => {
  const directory = temporaryDirectory();
  const short = floorIn(directory, { write: (fd, buffer) => nodeHost.files.write(fd, buffer, 2) });
  expect(() => short.raise({ epoch: 50, last: 1 })).toThrow(expect.objectContaining({ code: 'ENOSPC' }));
});
