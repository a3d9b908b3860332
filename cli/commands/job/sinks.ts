import fs from 'node:fs';
import { messageOf } from '../../../lib/host/errno.ts';
import { writeWhole } from '../../../lib/host/whole-write.ts';
import type { Sink } from '../../../lib/jobs/output-spool.ts';
import { EXIT, Exit, say } from '../../output/exit.ts';
import type { JobPlan } from './plan.ts';

/**
 * Where a command's output goes while it runs: nowhere, unless it is asked for.
 *
 * @throws {Exit} if there can be no such log
 */
export function sinksOf({ log, verbose }: Pick<JobPlan, 'log' | 'verbose'>): Sink[] {
  return [...(log === null ? [] : [logSink(log)]), ...(verbose ? [stdoutSink()] : [])];
}

function logSink(file: string): Sink {
  let fd = openLog(file);
  return (bytes) => {
    if (fd === -1) return;
    try {
      writeWhole(bytes, (rest) => fs.writeSync(fd, rest, 0, rest.length));
    } catch (error) {
      // The job is worth more than its log.
      say(`--log ${file}: cannot be written from here on: ${messageOf(error as Error)}`);
      fs.closeSync(fd);
      fd = -1;
    }
  };
}

function openLog(file: string): number {
  try {
    return fs.openSync(file, 'a');
  } catch (error) {
    say(`--log ${file}: cannot be opened: ${messageOf(error as Error)}. The command was not begun.`);
    throw new Exit(EXIT.io);
  }
}

let isDeaf = false;

function stdoutSink(): Sink {
  // Whoever read it is gone; the job goes on.
  process.stdout.on('error', () => {
    isDeaf = true;
  });
  return (bytes) => void (isDeaf || process.stdout.write(Buffer.from(bytes)));
}

/** Resolves when all of it is written, or nobody reads. */
export async function print(pieces: Iterable<Uint8Array>): Promise<void> {
  process.stdout.on('error', () => undefined);
  for (const piece of pieces) {
    const failure = await new Promise((resolve) => process.stdout.write(Buffer.from(piece), resolve));
    if (failure) return;
  }
}
