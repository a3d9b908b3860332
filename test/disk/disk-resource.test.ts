import { describe, expect, test } from 'vitest';
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

test('a newcomer at a broken barrier is refused, and that is no error, though the barrier is reset right behind it', () => {
  const BARRIER = { kind: 'barrier', permits: 3 };
  const disk = new SimDisk();
  disk.makeDirectory(DIRECTORY);
  const session = (pid: number, files: (real: Files) => Partial<Files>) => {
    const host = directHost(disk, { key: `k${pid}`, pid, wallMicros: 1, tickMs: 30 }, []);
    return openResource({ ...host, files: { ...host.files, ...files(host.files) } }, NEVER, BARRIER).resource;
  };
  const other = session(1, () => ({}));
  const newcomer = session(2, (real) => ({
    write(fd, buffer, length) {
      const written = real.write(fd, buffer, length);
      other.act(BARRIER, { do: 'reset' });
      return written;
    },
  }));
  other.act(BARRIER, { do: 'abort' });
  expect(newcomer.join(BARRIER, REQUEST).state).toBe('refused');
});

test.each([
  ['in the year 2300', 10_413_792_000_000_000, 9e15],
  ['before 1970', -18_489_600_000_000, 0],
])(
  'a process whose clock is set %s acquires and releases, with the nearest time that a record can have',
  (_, wallMicros, at) => {
    const disk = new SimDisk();
    disk.makeDirectory(DIRECTORY);
    const host = directHost(disk, { key: 'a', pid: 1, wallMicros, tickMs: 0 }, []);
    const { resource } = openResource(host, 1);
    const [first, second] = [resource.join(LOCK, REQUEST), resource.join(LOCK, REQUEST)];
    expect([first.state, second.state, second.ticket > first.ticket]).toEqual(['holding', 'waiting', true]);
    expect(resource.view().entries.map(({ since }) => since)).toEqual([at / 1_000, at / 1_000]);
    resource.leave(first);
    expect(second.state).toBe('holding');
  },
);

describe('a `try` of a newcomer', () => {
  const TRY = { ...REQUEST, onlyIfGranted: true };
  /** The sessions of the line: the dead have pid 1, the living pid 2, and pid 3 tries. */
  function sessionsOf(kind: { kind: string; permits: number }) {
    const disk = new SimDisk();
    disk.makeDirectory(DIRECTORY);
    const asked: number[] = [];
    const session = (pid: number) => {
      const host = directHost(disk, { key: `k${pid}`, pid, wallMicros: 1, tickMs: 0 }, [1]);
      const state = (of: number, tid: number) => {
        asked.push(of);
        return host.processes.state(of, tid);
      };
      const hasReader = (path: string) => {
        const of = /(\d+)-[^/]*\.life$/.exec(path)?.[1];
        if (of !== undefined) asked.push(Number(of));
        return host.files.hasReader(path);
      };
      const asking = { processes: { ...host.processes, state }, files: { ...host.files, hasReader } };
      return openResource({ ...host, ...asking }, NEVER, kind).resource;
    };
    return { dead: session(1), living: session(2), newcomer: session(3), asked };
  }

  test.each([192, 193, 1_000])('holds at once if all the %i entries before it are of the dead', (count) => {
    const { dead, newcomer } = sessionsOf(LOCK);
    for (let each = 0; each < count; each++) dead.join(LOCK, REQUEST);
    expect(newcomer.join(LOCK, TRY).state).toBe('holding');
    expect(newcomer.view().entries).toHaveLength(1);
  });

  test('gets a permit that is held by the dead, behind however many of the living', () => {
    const semaphore = { kind: 'semaphore', permits: 200 };
    const { dead, living, newcomer } = sessionsOf(semaphore);
    for (let each = 0; each < 199; each++) living.join(semaphore, REQUEST);
    dead.join(semaphore, REQUEST);
    dead.join(semaphore, REQUEST);
    expect(newcomer.join(semaphore, TRY).state).toBe('holding');
    expect(newcomer.join(semaphore, TRY).state).toBe('refused');
  });

  test('asks the kernel about the holder alone, however long the line is behind it', () => {
    const { living, newcomer, asked } = sessionsOf(LOCK);
    for (let each = 0; each < 1_000; each++) living.join(LOCK, REQUEST);
    asked.length = 0;
    expect(newcomer.join(LOCK, TRY).state).toBe('refused');
    expect(asked).toEqual([2]);
  });
});

test('an entry is judged up to its first owner that lives: a waiter asks the kernel once at a time', () => {
  const disk = new SimDisk();
  disk.makeDirectory(DIRECTORY);
  disk.makeDirectory('/sessions');
  const holder = openIn(disk, 'a', 1, [], () => ({}));
  const held = holder.join(LOCK, REQUEST);
  holder.adopt(held, 5, { handOver: false });
  const asked: string[] = [];
  const waiter = openIn(disk, 'b', 2, [], (real) => ({
    hasReader(path) {
      asked.push(path.slice(path.lastIndexOf('/') + 1));
      return real.hasReader(path);
    },
  }));
  const own = waiter.join(LOCK, REQUEST);
  asked.length = 0;
  waiter.expelDeadBefore(own);
  expect(asked).toEqual(['1-a.life']);
});
