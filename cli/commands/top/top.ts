import { checkName, readLine, StoreView, StoreWatch } from '../../../lib/internal.ts';
import { parseDuration } from '../../args/duration.ts';
import type { NamesArguments } from '../../args/options.ts';
import { UsageError } from '../../output/exit.ts';
import { endWithReader } from '../../output/stdout.ts';
import { deadlockedIn } from '../../report/deadlocks.ts';
import { frameOf } from './frame.ts';
import { TopLoop } from './loop.ts';
import { painted, plain } from './style.ts';

export interface TopArguments extends NamesArguments {
  once: boolean;
  interval: string;
}

/** A shorter interval would only keep the machine busy. */
const LEAST_INTERVAL_MS = 100;

export async function showTop({ names = [], dir, once, interval }: TopArguments): Promise<void> {
  for (const name of names) checkName(name);
  const intervalMs = parseDuration(interval, '--interval');
  if (intervalMs < LEAST_INTERVAL_MS) throw new UsageError('--interval must be at least 100ms');
  const view = new StoreView(dir);
  if (once || !canDraw()) return printOnce(view, names);
  const paint = process.stdout.hasColors() ? painted : plain;
  await new TopLoop({ view, names, intervalMs, paint }).run();
}

/** Whether stdout is a terminal with cursor control. */
function canDraw(): boolean {
  return process.stdout.isTTY && process.env.TERM !== 'dumb';
}

/** Prints the current state once, as wide as it needs except at a terminal. */
function printOnce(view: StoreView, names: readonly string[]): void {
  endWithReader();
  const watch = new StoreWatch({ view, names, maxWatches: 0, onChange: () => undefined });
  const seen = watch.look(true);
  watch.end();
  if (seen.failure) throw seen.failure;
  const lines = seen.lines.flatMap(({ line }) => line ?? []);
  const deadlocked = deadlockedIn(lines, (name) => readLine(view, name).line);
  const now = Date.now();
  const frame = frameOf(
    { ...seen, place: view.place, isChosen: names.length > 0, deadlocked },
    {
      now,
      clock: new Date(now).toTimeString().slice(0, 8),
      columns: process.stdout.isTTY ? (process.stdout.columns ?? 80) : Number.POSITIVE_INFINITY,
      rows: Number.POSITIVE_INFINITY,
      offset: 0,
      keys: null,
    },
  );
  process.stdout.write(`${frame.lines.map(({ text }) => text.trimEnd()).join('\n')}\n`);
}
