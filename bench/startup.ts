import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Contestant, interleave } from './interleave.ts';
import { median } from './median.ts';
import { duration, ratio, table } from './table.ts';

const PAIRS = 40;
const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const BARE = fileURLToPath(new URL('./bare.js', import.meta.url));

/** A whole `lockstep run`, as the shell sees it. */
export async function startup(directory: string): Promise<void> {
  console.log(`lockstep run x -- true, against a bare Node script that runs it (${PAIRS} pairs)`);
  if (!fs.existsSync(MAIN)) {
    console.log('  Skipped: the command line is not built (dist/cli/main.js is missing).\n');
    return;
  }
  const store = path.join(directory, 'startup');
  const contestants = [
    command('true by itself', 'true', []),
    command('node bare.js', process.execPath, [BARE]),
    command('lockstep run x -- true', process.execPath, [MAIN, 'run', '--dir', store, 'x', '--', 'true']),
  ];
  const times = await interleave(contestants, { batches: PAIRS, cycles: 1, warmUp: 3 });
  const bare = median(times.get('node bare.js') ?? []);
  const rows = [['', 'median', 'to bare']];
  for (const { name } of contestants) {
    const own = median(times.get(name) ?? []);
    rows.push([name, duration(own), ratio(own, bare)]);
  }
  process.stdout.write(table(rows));
  console.log('  Target: at most 1.6×.\n');
}

function command(name: string, file: string, args: readonly string[]): Contestant {
  return {
    name,
    batch() {
      const { status, signal, stderr } = spawnSync(file, args, { stdio: ['ignore', 'ignore', 'pipe'] });
      if (status !== 0) throw new Error(`startup: ${name} ended with ${signal ?? status}: ${stderr}`);
    },
  };
}
