import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { effort } from './effort.ts';

const WARM_UP = effort(2, 0);
/** Node reads these at every start: a bundle of certificates takes it several times as long as all the rest. */
const NOT_FOR_NODE = ['NODE_EXTRA_CA_CERTS', 'NODE_OPTIONS', 'NODE_COMPILE_CACHE', 'NODE_DISABLE_COMPILE_CACHE'];
/** Of `/proc/self/stat`, on every Linux. */
const TICKS = 100;

/** A whole call of a program. */
export interface Call {
  name: string;
  file: string;
  args: readonly string[];
  env?: () => NodeJS.ProcessEnv;
}

/** The times of one program in ms: those that pass, and those that the processors spend, also on its children. */
export interface Spent {
  wall: number[];
  cpu: number[];
}

/** Each in turn, so many times. @throws where one of them fails */
export function calls(programs: readonly Call[], rounds: number): Map<string, Spent> {
  const spent = new Map(programs.map(({ name }) => [name, { wall: [], cpu: [] } as Spent]));
  const common = Object.fromEntries(Object.entries(process.env).filter(([name]) => !NOT_FOR_NODE.includes(name)));
  for (let round = -WARM_UP; round < rounds; round++)
    for (const { name, file, args, env: own } of programs) {
      const env = { ...common, ...own?.() };
      const [cpuBefore, before] = [cpuOfChildren(), performance.now()];
      const { status, signal, stderr } = spawnSync(file, args, { env, stdio: ['ignore', 'ignore', 'pipe'] });
      const [after, cpuAfter] = [performance.now(), cpuOfChildren()];
      if (status !== 0) throw new Error(`${name} ended with ${signal ?? status}: ${stderr}`);
      if (round < 0) continue;
      spent.get(name)?.wall.push(after - before);
      spent.get(name)?.cpu.push(cpuAfter - cpuBefore);
    }
  return spent;
}

/** Of those that have ended. One reading is no finer than a tick; the mean of many is. */
function cpuOfChildren(): number {
  if (process.platform !== 'linux') return Number.NaN;
  const stat = fs.readFileSync('/proc/self/stat', 'latin1');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [user = Number.NaN, system = Number.NaN] = fields.slice(13, 15).map(Number);
  return ((user + system) * 1_000) / TICKS;
}
