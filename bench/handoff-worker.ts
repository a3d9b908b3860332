import fs from 'node:fs';
import { Lock } from 'lockstep';
import { readCounter, writeCounter } from './counter.ts';

// One of the eight processes of `handoff.ts`: repeatedly adds one to a number in a file, under the lock.

const [store = '', counter = '', rounds = '0'] = process.argv.slice(2);
const lock = new Lock('handoff', { store });
const fd = fs.openSync(counter, 'r+');

// The first lease opens the journal, which is not measured.
await (await lock.acquire()).release();

process.once('message', async () => {
  for (let round = 0; round < Number(rounds); round++) {
    const lease = await lock.acquire();
    writeCounter(fd, readCounter(fd) + 1);
    await lease.release();
  }
  process.send?.('done');
  process.disconnect();
});
process.send?.('ready');
