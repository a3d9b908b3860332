import fs from 'node:fs';
import { Lock } from 'lockstep';

// Uses many names once each, and reports what that took: `node many-names-worker.js STORE NAMES PART`.

const [store = '', names = '0', part = '1'] = process.argv.slice(2);
const parts: Array<{ ms: number; rssKb: number; descriptors: number }> = [];
for (let done = 0; done < Number(names); done += Number(part)) {
  const began = performance.now();
  for (let number = done; number < done + Number(part); number++)
    await (await new Lock(`name.${number}`, { store }).acquire()).release();
  const ms = (performance.now() - began) / Number(part);
  const descriptors = fs.existsSync('/proc/self/fd') ? fs.readdirSync('/proc/self/fd').length : Number.NaN;
  parts.push({ ms, rssKb: process.memoryUsage.rss() / 1024, descriptors });
}
process.send?.(parts);
process.disconnect();
