import { type ItemWay, sharedItems } from './shared-items.ts';

// One process of `queue.ts`: puts so many items, or takes them until it gets a 0, and reports their sum.

const [way = '', place = '', role = '', many = ''] = process.argv.slice(2);
const items = sharedItems(way as ItemWay, place);
process.once('message', async () => {
  let sum = 0;
  if (role === 'put') for (let item = 1; item <= Number(many); item++) await items.put(item);
  else for (let item = await items.take(); item !== 0; item = await items.take()) sum += item;
  process.send?.(sum);
  process.disconnect();
});
process.send?.('ready');
