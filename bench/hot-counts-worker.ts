import { type Places, sellerBy, type Way } from './hot-counts-ways.ts';

// One process of the sale in `hot-counts.ts`: sells until nothing is left, and reports how many it sold.

const [way = '', places = '', person = ''] = process.argv.slice(2);
const seller = sellerBy(way as Way, JSON.parse(places) as Places);
await seller?.open();
process.once('message', async () => {
  let sold = 0;
  while (await seller?.take(`${person}-${sold}`)) sold += 1;
  process.send?.(sold);
  await seller?.close();
  process.disconnect();
});
process.send?.('ready');
