/**
 * A queue in a program: main puts orders, three processes handle them. If one is killed, its order goes to another one; so an order
 * is handled at least once, and `item.attempt` says how often it was tried.
 *
 * Run it:
 *   npm install lockstep
 *   export LOCKSTEP_DIR=$PWD/store
 *   node workers.js
 *
 * It prints:
 *   10 orders, handled 10 times
 *   worth 550
 */
import { fileURLToPath } from 'node:url';
import { Counter, Process, Queue } from 'lockstep';

/** @typedef {{ id: number, amount: number }} Order */

/**
 * Runs in a process of its own: handles orders for ever.
 * @param {Queue<Order>} orders
 * @param {Counter} handled
 * @param {Counter} worth
 */
export default async function work(orders, handled, worth) {
  await orders.run(async ({ amount }) => {
    await handled.add(1);
    await worth.add(amount);
  });
}

async function main() {
  /** @type {Queue<Order>} */
  const orders = new Queue('orders');
  const handled = new Counter('handled');
  const worth = new Counter('worth');
  const args = [orders, handled, worth];
  for (let n = 0; n < 3; n++) new Process({ module: import.meta.url, args, daemon: true }).start();
  // With an id, an order that is put twice is one.
  for (let id = 1; id <= 10; id++) await orders.put({ id, amount: id * 10 }, { id: `order-${id}` });
  await orders.join(); // all of them are done
  console.log(`10 orders, handled ${await handled.get()} times`);
  console.log(`worth ${await worth.get()}`);
}

// In a child this file is a module, and not the program.
if (process.argv[1] === fileURLToPath(import.meta.url)) await main();
