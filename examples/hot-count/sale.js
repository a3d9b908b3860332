/**
 * Tickets at a peak: four processes sell from a hot count, and each sale is written to the database later, exactly once. An order's id
 * is one sale, so a buyer that got no answer asks again. Here the count is in the store and the database is a file of SQLite;
 * `hot: 'redis://…'` and `back: 'mysql://…'` are all that changes.
 *
 * Run it:
 *   npm install lockstep
 *   export LOCKSTEP_DIR=$PWD/store
 *   node sale.js
 *
 * It prints:
 *   100 tickets: 100 sold, 20 buyers went without
 *   in the database: 100 orders, 0 left
 */
import { fileURLToPath } from 'node:url';
import { Process } from 'lockstep';
import { HotCounter } from 'lockstep/hot';

/**
 * Runs in a process of its own: sells to thirty buyers. Returns how many got a ticket.
 * @param {string} office
 */
export default async function sell(office) {
  const tickets = new HotCounter('show-7');
  let sold = 0;
  for (let buyer = 1; buyer <= 30; buyer++) {
    const sale = await tickets.take(1, { id: `${office}-${buyer}` });
    if (sale) sold += 1; // sale.left: what is left
  }
  await tickets.close();
  return sold;
}

async function main() {
  const tickets = new HotCounter('show-7', { back: 'shop.sqlite' });
  await tickets.load(100, { id: 'opening' });
  const offices = ['north', 'east', 'south', 'west'].map(
    (name) => new Process({ module: import.meta.url, args: [name] }),
  );
  for (const office of offices) office.start();
  let total = 0;
  for (const office of offices) total += Number(await office.result({ timeout: 60_000 }));
  console.log(`100 tickets: ${total} sold, ${120 - total} buyers went without`);

  const { count } = await tickets.flush(); // a shop runs `tickets.writeBack()` in a process of its own
  const orders = await tickets.orders(1_000);
  console.log(`in the database: ${orders.length} orders, ${count} left`);
  await tickets.close();
}

// In a child this file is a module, and not the program.
if (process.argv[1] === fileURLToPath(import.meta.url)) await main();
