import fs from 'node:fs';
import { messageOf, type Sink, writeWhole } from '../../../lib/internal.ts';
import { EXIT, Exit, say } from '../../output/exit.ts';
import type { JobPlan } from './plan.ts';

/**
 * Where the command's output goes as it comes: into the log of `--log`, and with `--verbose` to stdout; else nowhere.
 *
 * @throws {Exit} if the log cannot be opened
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
      // The job goes on without its log: its work matters more.
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
    say(`--log ${file}: cannot be opened: ${messageOf(error as Error)}. The command did not begin.`);
    throw new Exit(EXIT.io);
  }
}

let isUnread = false;

function stdoutSink(): Sink {
  // The reader is gone; the job goes on.
  process.stdout.on('error', () => {
    isUnread = true;
  });
  return (bytes) => void (isUnread || process.stdout.write(Buffer.from(bytes)));
}
