import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { ProgramArguments } from '../../args/program.ts';
import { pageOf } from './page.ts';
import { plainOf } from './plain.ts';
import { roffOf } from './roff.ts';

/** The package has it beside dist/cli/. */
const FILE = fileURLToPath(new URL('../man/lockstep.1', import.meta.url));

export type ManArguments = ProgramArguments;

export async function showManual({ program }: ManArguments): Promise<void> {
  const page = pageOf(program);
  if (!process.stdout.isTTY) process.stdout.write(roffOf(page, builtAt()));
  else if (!(await isShownByMan())) process.stdout.write(plainOf(page));
}

/** False if there is no `man`, or no file for it. */
function isShownByMan(): Promise<boolean> {
  if (!existsSync(FILE)) return Promise.resolve(false);
  return new Promise((resolve) => {
    const man = spawn('man', [FILE], { stdio: 'inherit' });
    man.once('error', () => resolve(false));
    man.once('exit', (code) => resolve(code === 0));
  });
}

/** The day of a reproducible build, else today. */
function builtAt(): Date {
  const { SOURCE_DATE_EPOCH: seconds } = process.env;
  return seconds && /^\d{1,11}$/.test(seconds) ? new Date(Number(seconds) * 1_000) : new Date();
}
