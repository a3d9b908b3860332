import { logSink } from './log.ts';
import type { JobPlan } from './plan.ts';
import { type Sink, StreamSink } from './sink.ts';

/**
 * Where the command's output goes as it comes: into the log of `--log`, and with `--verbose` to stdout; else nowhere.
 *
 * @throws {Exit} if the log cannot be opened
 */
export function sinksOf({ log, verbose }: Pick<JobPlan, 'log' | 'verbose'>): Sink[] {
  // When the reader of our stdout is gone, the job goes on.
  const stdout = () => new StreamSink(process.stdout, { giveUp: () => undefined });
  return [...(log === null ? [] : [logSink(log)]), ...(verbose ? [stdout()] : [])];
}
