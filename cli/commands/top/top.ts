import { openStore } from '../../../lib/index.ts';
import { checkName, StoreView, storeUrl } from '../../../lib/internal.ts';
import { parseDuration } from '../../args/duration.ts';
import type { NamesArguments } from '../../args/options.ts';
import { UsageError } from '../../output/exit.ts';
import { endWithReader } from '../../output/stdout.ts';
import { hasColours } from '../../text/colour.ts';
import { TopActions } from './actions.ts';
import { DiskSource } from './disk-source.ts';
import { frameOf } from './frame.ts';
import { TopLoop } from './loop.ts';
import { RemoteSource } from './remote-source.ts';
import type { TopSource } from './source.ts';
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
  const isOnce = once || !canDraw();
  const open = await sourceIn(dir, names, isOnce);
  if (isOnce)
    return printOnce(
      open(() => undefined),
      names,
    );
  const paint = hasColours(process.stdout) ? painted : plain;
  const actions = new TopActions(dir);
  await new TopLoop({ open, isChosen: names.length > 0, intervalMs, paint, actions }).run();
  await actions.close();
}

type OpenSource = (onChange: () => void) => TopSource;

async function sourceIn(dir: string | undefined, names: readonly string[], isOnce: boolean): Promise<OpenSource> {
  if (storeUrl(dir) === null) {
    const view = new StoreView(dir);
    return (onChange) => new DiskSource({ view, names, onChange, ...(isOnce ? { maxWatches: 0 } : {}) });
  }
  // It may change before the screen is there: nothing is missed, for the screen begins with what is known by then.
  let notify = (): void => undefined;
  const source = await RemoteSource.begin({ store: openStore(dir), names, onChange: () => notify() });
  return (onChange) => {
    notify = onChange;
    return source;
  };
}

/** Whether stdout is a terminal with cursor control. */
function canDraw(): boolean {
  return process.stdout.isTTY && process.env.TERM !== 'dumb';
}

/** Prints the current state once, as wide as it needs except at a terminal. */
function printOnce(source: TopSource, names: readonly string[]): void {
  endWithReader();
  const seen = source.look(true);
  source.end();
  if (seen.failure) throw seen.failure;
  const now = Date.now();
  const frame = frameOf(
    { ...seen, place: source.place, isChosen: names.length > 0 },
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
