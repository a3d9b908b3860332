import fs from 'node:fs';

// The floor of `lockstep status`: a bare Node script that lists the names, and reads the newest journal of each.

const [resources = ''] = process.argv.slice(2);
const bytes = Buffer.allocUnsafe(64 * 1024);
let total = 0;
for (const name of fs.readdirSync(resources)) {
  const journal = fs
    .readdirSync(`${resources}/${name}`)
    .filter((file) => file.startsWith('journal.'))
    .at(-1);
  const fd = fs.openSync(`${resources}/${name}/${journal}`, 'r');
  total += fs.readSync(fd, bytes, 0, bytes.length, 0);
  fs.closeSync(fd);
}
console.log(total);
