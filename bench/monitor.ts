import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { heartbeat } from 'lockstep';
import { effort } from './effort.ts';
import { type Row, type Section, skipped } from './section.ts';

const NAMES = [50, 500];
const INTERVAL_MS = 1_000;
/** The start of the monitor is not measured. */
const WARM_UP_MS = effort(2_000, 500);
const MEASURED_MS = effort(10_000, 500);
/** Linux reports a process's time in hundredths of a second, regardless of the kernel's own tick. */
const TICK_MS = 10;
const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

/** The cost of a monitor by the number of names it watches, each with a heartbeat once a second. */
export async function monitor(directory: string): Promise<Section> {
  const title = `lockstep monitor, each name beating every ${INTERVAL_MS} ms, over ${MEASURED_MS / 1_000} s`;
  if (!fs.existsSync(MAIN) || !fs.existsSync('/proc/self/stat')) {
    return skipped('monitor', title, 'the command line is not built, or there is no /proc to measure it.');
  }
  const rows: Row[] = [];
  for (const names of NAMES) {
    const share = await shareOfCore(path.join(directory, `monitor.${names}`), names);
    rows.push({ name: `${names} names`, unit: 'share', median: share });
  }
  const notes = [`Of one core. It looks at each file every ${(3 * INTERVAL_MS) / 4} ms. One measurement each.`];
  return { name: 'monitor', title, rows, absent: [], notes, targets: [] };
}

async function shareOfCore(store: string, names: number): Promise<number> {
  const beats = Array.from({ length: names }, (_, at) => heartbeat(`name ${at}`, { interval: INTERVAL_MS, store }));
  const child = spawn(process.execPath, [MAIN, 'monitor', '--dir', store], { stdio: ['ignore', 'ignore', 'inherit'] });
  const ended = once(child, 'exit');
  try {
    await pause(WARM_UP_MS);
    const before = cpuMs(child.pid ?? 0);
    const began = performance.now();
    await pause(MEASURED_MS);
    return (cpuMs(child.pid ?? 0) - before) / (performance.now() - began);
  } finally {
    child.kill();
    await ended;
    for (const beat of beats) beat.stop();
  }
}

function cpuMs(pid: number): number {
  const line = fs.readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = line.slice(line.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
}
