/**
 * A counter in a CommonJS program: each build gets a number that no other one gets, also on other days, and in other programs.
 * `lockstep counter build-number +1` gets the next one in a shell.
 *
 * Run it:
 *   npm install lockstep
 *   export LOCKSTEP_DIR=$PWD/store
 *   node build-numbers.cjs
 *
 * It prints:
 *   builds 1, 2, 3, 4
 */
const { Counter, Process } = require('lockstep');

/**
 * Runs in a process of its own.
 * @param {Counter} counter
 */
function build(counter) {
  return counter.add(1);
}

module.exports = build;

async function main() {
  const counter = new Counter('build-number');
  const builds = Array.from({ length: 4 }, () => new Process({ module: __filename, args: [counter] }));
  for (const each of builds) each.start();
  const numbers = await Promise.all(builds.map((each) => each.result({ timeout: 60_000 })));
  console.log(`builds ${numbers.sort().join(', ')}`);
}

// In a child this file is a module, and not the program.
if (require.main === module) main();
