import fs from 'node:fs';
import { expect, test } from 'vitest';
import { openDisk } from './parties.ts';

const LOCK = { kind: 'lock', permits: 1 };
const REQUEST = { ask: 1, label: 'a party', onlyIfGranted: false };

/** A model is tried with thousands of them in one process. */
test.skipIf(!fs.existsSync('/proc/self/fd'))('parties on disk have nothing open once they are closed', async () => {
  const round = async () => {
    const parties = openDisk();
    const { one, other, third } = parties;
    for (const store of [one, other, third]) await store.join('door', LOCK, REQUEST);
    await other.snapshot('door');
    parties.kill(third);
    await parties.close();
  };
  const open = () => fs.readdirSync('/proc/self/fd').length;
  await round();
  const before = open();
  for (let rounds = 0; rounds < 10; rounds++) await round();
  expect(open()).toBe(before);
});
