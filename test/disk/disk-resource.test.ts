import { expect, test } from 'vitest';
import type { Files } from '../../lib/host/host.ts';
import { DIRECTORY, openResource } from '../simulation/programs.ts';
import { SimDisk } from '../simulation/sim-disk.ts';
import { directHost } from '../simulation/sim-host.ts';

const LOCK = { kind: 'lock', permits: 1 };
const REQUEST = { ask: 1, label: '', onlyIfGranted: false };
const NEVER = 10_000;

function openIn(disk: SimDisk, key: string, pid: number, gone: number[], files: (real: Files) => Partial<Files>) {
  const host = directHost(disk, { key, pid, wallMicros: 1, tickMs: 30 }, gone);
  return openResource({ ...host, files: { ...host.files, ...files(host.files) } }, NEVER).resource;
}

test('who joins the line is in it for its caller too, though the dead before it cannot be evicted: the disk is full', () => {
  const disk = new SimDisk();
  disk.makeDirectory(DIRECTORY);
  const dead = openIn(disk, 'a', 1, [], () => ({})).join(LOCK, REQUEST);
  expect(dead.state).toBe('holding');
  let isFull = true;
  const resource = openIn(disk, 'b', 2, [1], (real) => ({
    write(fd, buffer, length) {
      const isEviction = Buffer.from(buffer.buffer, buffer.byteOffset, length).includes('"evict"');
      if (isFull && isEviction) throw Object.assign(new Error('ENOSPC'), { code: 'ENOSPC' });
      return real.write(fd, buffer, length);
    },
  }));
  const own = resource.join(LOCK, REQUEST);
  expect(own.state).toBe('waiting');
  expect(() => resource.expelDead(own)).toThrow(expect.objectContaining({ code: 'STORE_FULL' }));
  isFull = false;
  resource.expelDead(own);
  expect(own.state).toBe('holding');
});
