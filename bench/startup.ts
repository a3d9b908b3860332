import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Call, calls, type Spent } from './calls.ts';
import { effort } from './effort.ts';
import { mean, median } from './median.ts';
import { atMost, type Row, rowOf, type Section, skipped } from './section.ts';

const ROUNDS = effort(40, 1);
const BARE = fileURLToPath(new URL('./bare.js', import.meta.url));
const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const BASE = 'node bare.js';
const RUN = 'lockstep run x -- true';
const OTHERS = ['lockstep acquire y', 'lockstep status', 'lockstep job j -- true'];

/** Whole calls of the command line, as the shell sees them; also on a second Node, at `$LOCKSTEP_BENCH_NODE`. */
export async function startup(directory: string): Promise<Section> {
  const title = `whole calls of the command line, beside a bare Node script that runs \`true\` (${ROUNDS} rounds of each in turn)`;
  if (!fs.existsSync(MAIN)) {
    return skipped('startup', title, 'the command line is not built (dist/cli/main.js is missing).');
  }
  const { LOCKSTEP_BENCH_NODE: second } = process.env;
  const section: Section = { name: 'startup', title, base: 'bare Node', rows: [], absent: [], notes: [], targets: [] };
  startsOn(process.execPath, directory, section, 1.2);
  if (second) startsOn(second, directory, section, 1.5);
  else section.notes.push('LOCKSTEP_BENCH_NODE=FILE adds another Node.');
  return section;
}

function startsOn(node: string, directory: string, section: Section, most: number): void {
  const { stdout } = spawnSync(node, ['--version'], { encoding: 'utf8' });
  const group = `Node ${stdout.trim().slice(1)}`;
  const { programs, absent } = programsOn(node, path.join(directory, `startup-${stdout.trim()}`));
  section.absent = absent;
  const spent = calls(programs, ROUNDS);
  const of = (name: string) => spent.get(name) ?? { wall: [], cpu: [] };
  section.rows.push(...programs.map(({ name }) => programRow(name, group, of(name), of(BASE))));
  const run = median(of(RUN).wall);
  section.targets.push(
    atMost(`${RUN}, to bare Node (${group})`, most, run / median(of(BASE).wall)),
    atMost(`${RUN}, to sem (${group})`, 1, run / median(of('sem --id x true').wall)),
    ...OTHERS.map((name) => atMost(`${name}, to run (${group})`, 1.15, median(of(name).wall) / run)),
  );
}

function programRow(name: string, group: string, { wall, cpu }: Spent, base: Spent): Row {
  const more = {
    CPU: { value: mean(cpu), unit: 'ms' as const },
    'CPU to bare Node': { value: mean(cpu) / mean(base.cpu), unit: 'times' as const },
  };
  return rowOf(name, wall, { group, base: base.wall, single: wall, more });
}

function programsOn(node: string, store: string): { programs: Call[]; absent: string[] } {
  const pid = String(process.pid);
  const own = (name: string, ...args: readonly string[]) => ({
    name: `lockstep ${name}`,
    file: node,
    args: [MAIN, args[0] as string, '--dir', store, ...args.slice(1)],
  });
  const peers = [
    { name: 'sem --id x true', file: 'sem', args: ['--id', `lockstep-bench-${pid}`, 'true'] },
    { name: 'flock FILE true', file: 'flock', args: [`${store}.flock`, 'true'] },
  ];
  const run = own('run x -- true', 'run', 'x', '--', 'true');
  const programs: Call[] = [
    { name: 'true by itself', file: 'true', args: [] },
    { name: BASE, file: node, args: [BARE] },
    run,
    { ...run, name: `${RUN}, a first call`, env: () => ({ XDG_CACHE_HOME: emptied(`${store}.cache`) }) },
    { ...run, name: `${RUN}, without kept code`, env: () => ({ NODE_DISABLE_COMPILE_CACHE: '1' }) },
    own('acquire y', 'acquire', 'y', '--pid', pid),
    own('status', 'status'),
    own('release y', 'release', 'y', '--pid', pid),
    own('job j -- true', 'job', 'j', '--', 'true'),
    ...peers.filter(({ file }) => isThere(file)),
  ];
  const absent = peers.filter(({ file }) => !isThere(file)).map(({ file }) => file);
  return { programs, absent };
}

function emptied(directory: string): string {
  fs.rmSync(directory, { recursive: true, force: true });
  fs.mkdirSync(directory);
  return directory;
}

function isThere(program: string): boolean {
  return spawnSync(program, ['--version'], { stdio: 'ignore' }).status === 0;
}
