import { sharedNumber, type Way } from './edits.ts';

// One window of the ticket office in `tickets.ts`: sells until nothing is left, and reports how many it sold.

const [way = '', place = ''] = process.argv.slice(2);
const tickets = sharedNumber(way as Way, place);
process.once('message', async () => {
  let sold = 0;
  while ((await tickets.take()) >= 0) sold += 1;
  process.send?.(sold);
  process.disconnect();
});
process.send?.('ready');
