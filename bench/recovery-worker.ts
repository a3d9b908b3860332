import { Lock } from 'lockstep';

// One process of `recovery.ts`: acquires the lock on command, and reports when it was granted, by the clock that all
// processes of one machine share.

const [store = '', name = ''] = process.argv.slice(2);
const lock = new Lock(name, { store });

process.on('message', async (order: 'acquire' | 'visit') => {
  const lease = await lock.acquire();
  const at = process.hrtime.bigint().toString();
  if (order === 'visit') await lease.release();
  process.send?.(at);
});
process.once('disconnect', () => process.exit());
process.send?.('ready');
