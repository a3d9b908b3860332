import { spawnSync } from 'node:child_process';
import type { Contestant } from './interleave.ts';

/** A Node program that is run whole for each batch. It throws if the program fails. */
export function program(name: string, args: readonly string[]): Contestant {
  return {
    name,
    batch() {
      const { status, signal, stderr } = spawnSync(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'] });
      if (status !== 0) throw new Error(`${name} ended with ${signal ?? status}: ${stderr}`);
    },
  };
}
