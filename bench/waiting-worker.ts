import { Lock } from 'lockstep';

// One process of the crowd in `waiting.ts`: waits for its turn again and again, until it is ended.

const [store = '', name = ''] = process.argv.slice(2);
const lock = new Lock(name, { store });
process.once('disconnect', () => process.exit());
for (let isFirst = true; ; isFirst = false) {
  const turn = lock.acquire();
  // It is in line by now: `acquire` joins before it returns.
  if (isFirst) process.send?.('waiting');
  await (await turn).release();
}
