import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { heartbeat } from 'lockstep';
import { expect, test } from 'vitest';
import { openStoreDirectory } from '../../lib/disk/store-directory.ts';
import { Beat } from '../../lib/heartbeat/heartbeat.ts';
import { nodeHost } from '../../lib/host/node-host.ts';

test.each([
  ['no interval', Number.NaN],
  ['none at all', 0],
  ['less than 10 ms', 9],
  ['a fraction', 10.5],
  ['more than a day', 86_400_001],
  ['for ever', Number.POSITIVE_INFINITY],
  ['text', '1s' as unknown as number],
  ['a trap', { toString: null } as unknown as number],
])('an interval that is %s is misuse', (_, interval) => {
  expect(() => heartbeat('n', { interval, store: '/nowhere' })).toThrow(
    expect.objectContaining({ code: 'MISUSE', message: expect.stringContaining('from 10 to 86400000') }),
  );
});

test('a name that can never be, and a store that is not on disk, are misuse', () => {
  expect(() => heartbeat('', { store: '/nowhere' })).toThrow(expect.objectContaining({ code: 'MISUSE' }));
  expect(() => heartbeat('n', { store: {} as never })).toThrow(expect.objectContaining({ code: 'MISUSE' }));
});

test('a store that cannot be opened is an error at once', () => {
  expect(() => heartbeat('n', { store: '/dev/null/store' })).toThrow(expect.objectContaining({ name: 'StoreError' }));
});

test('a report that was deleted is not made again over one that a newer reporter made meanwhile', async () => {
  const root = fs.mkdtempSync(path.join(os.tmpdir(), 'lockstep-beat-'));
  const place = path.join(root, 'beats', 'n');
  let beforeLink = () => undefined as unknown;
  const files = {
    ...nodeHost.files,
    link: (from: string, to: string) => {
      beforeLink();
      return nodeHost.files.link(from, to);
    },
  };
  const options = {
    host: { ...nodeHost, files },
    directory: openStoreDirectory(nodeHost, root),
    name: 'n',
    everyMs: 10,
    facts: nodeHost.processes.self(),
    label: 'older',
  };
  const older = new Beat(options);
  let newer: Beat | undefined;
  try {
    beforeLink = () => {
      newer ??= new Beat({ ...options, host: nodeHost, label: 'newer' });
    };
    fs.rmSync(place);
    expect(await older.over).toBe('replaced');
    expect(fs.readFileSync(place, 'utf8')).toContain('"label":"newer"');
    expect(fs.readdirSync(path.join(root, 'beats'))).toEqual(['n']);
  } finally {
    older.stop();
    newer?.stop();
    fs.rmSync(root, { recursive: true });
  }
});
