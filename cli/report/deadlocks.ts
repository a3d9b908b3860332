import { linesAround, Stuck } from '../../lib/deadlock/wait-graph.ts';
import type { LineView } from '../../lib/store/store.ts';
import { keyOf } from './blockers.ts';

/**
 * The entries that are part of a deadlock, by `keyOf`. It may run through lines that are not among these: `lineOf` reads
 * a line as it is now.
 *
 * Lines that are read one after the other may show a circle that never was. Who is stuck in two readings was so all
 * the time between them.
 */
export function knottedIn(lines: readonly LineView[], lineOf: (name: string) => LineView | null): ReadonlySet<string> {
  const kept = lines.filter(({ entries }) => entries.some(({ keeps }) => keeps.held.length > 0));
  // Mostly nobody who waits keeps anything.
  if (kept.length === 0) return new Set();
  const names = kept.map(({ name }) => name);
  const known = new Map(lines.map((line) => [line.name, line]));
  const first = new Stuck(around(names, (name) => known.get(name) ?? lineOf(name)));
  if (first.knotted.size === 0) return new Set();
  const again = around(names, lineOf);
  const { knotted } = new Stuck(again, first);
  return new Set(
    again.flatMap(({ name, entries }) =>
      entries.filter((entry) => knotted.has(entry)).map(({ ticket }) => keyOf(name, ticket)),
    ),
  );
}

function around(names: readonly string[], lineOf: (name: string) => LineView | null): LineView[] {
  const steps = linesAround(names);
  let step = steps.next();
  while (!step.done) step = steps.next(lineOf(step.value));
  return step.value;
}
