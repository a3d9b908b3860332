import path from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { DiskStore } from '../../lib/disk/disk-store.ts';
import { openStoreDirectory } from '../../lib/disk/store-directory.ts';
import { BrokenBarrierError, StoreError } from '../../lib/errors.ts';
import type { Host } from '../../lib/host/host.ts';
import { nodeHost } from '../../lib/host/node-host.ts';
import { Barrier, Lock } from '../../lib/index.ts';
import { Session } from '../../lib/session/session.ts';
import { temporaryDirectory } from '../support/tape.ts';

/** Records of others may stand behind ours before we have read ours back. */

const LOCK = { kind: 'lock', permits: 1 };
const MEETING = { kind: 'barrier', permits: 2 };
const WHY = { reason: 'broken', by: 'other' };

let directory: string;
let other: DiskStore;
let one: DiskStore;
/** What the other does as soon as our next record is in the file, before we read it. */
let meanwhile: () => void;

beforeEach(() => {
  directory = path.join(temporaryDirectory(), 'store');
  meanwhile = () => undefined;
  other = open(nodeHost);
  one = open(overtakable());
});

function open(host: Host, rotateBytes = 65_536): DiskStore {
  const place = openStoreDirectory(nodeHost, directory);
  return new DiskStore({ host, session: new Session(host), directory: place, heartbeatMs: 0, rotateBytes });
}

function overtakable(): Host {
  return {
    ...nodeHost,
    files: {
      ...nodeHost.files,
      write(fd, buffer, length) {
        const written = nodeHost.files.write(fd, buffer, length);
        const act = meanwhile;
        meanwhile = () => undefined;
        act();
        return written;
      },
    },
  };
}

const request = (label: string) => ({ ask: 1, label, onlyIfGranted: false });

function ticketOf(name: string, label: string): number {
  return other.snapshot(name)?.entries.find((entry) => entry.label === label)?.ticket ?? 0;
}

test.each([
  ['enter', {}],
  ['try', { onlyIfGranted: true }],
  ['steal', { steal: true }],
])('an entry by %s that is stolen from before its owner has read of it is lost, and says so', (_, how) => {
  one.leave(one.join('door', LOCK, request('before')));
  meanwhile = () => other.join('door', LOCK, { ...request('thief'), steal: true });
  const entry = one.join('door', LOCK, { ...request('robbed'), ...how });
  expect(entry.state).toBe('lost');
  expect(entry.ticket).toBeGreaterThan(0);
  expect(entry.eviction?.reason).toBe('stolen');
  expect(one.held()).toEqual([]);
  expect(other.snapshot('door')?.entries.map(({ label }) => label)).toEqual(['thief']);
});

test('a waiter that is evicted before it has read of itself gets the reason', async () => {
  other.join('door', LOCK, request('holder'));
  one.snapshot('door');
  meanwhile = () => other.evict('door', ticketOf('door', 'waiter'), WHY);
  const waiting = new Lock('door', { store: one }).acquire({ label: 'waiter' });
  await expect(waiting).rejects.toThrow(StoreError);
  await expect(waiting).rejects.toMatchObject({ code: 'EVICTED' });
  expect(other.snapshot('door')?.entries.map(({ label }) => label)).toEqual(['holder']);
});

test.each(['abort', 'reset'] as const)(
  'a party whose barrier breaks (%s) before it has read of itself does not go on',
  async (what) => {
    other.act('start', MEETING, { do: 'reset' });
    one.snapshot('start');
    meanwhile = () => other.act('start', MEETING, { do: what });
    const barrier = new Barrier('start', 2, { store: one });
    await expect(barrier.wait()).rejects.toThrow(BrokenBarrierError);
    expect(other.snapshot('start')?.entries).toEqual([]);
  },
);

test('the same behind a rotation', () => {
  const rotating = open(overtakable(), 1);
  rotating.leave(rotating.join('door', LOCK, request('before')));
  meanwhile = () => other.evict('door', ticketOf('door', 'mine'), WHY);
  const entry = rotating.join('door', LOCK, request('mine'));
  expect(entry.state).toBe('lost');
  expect(entry.ticket).toBeGreaterThan(0);
  expect(rotating.held()).toEqual([]);
});
