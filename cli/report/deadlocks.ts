import type { LineView } from '../../lib/index.ts';
import { Deadlocked, linesAround } from '../../lib/internal.ts';
import { keyOf } from './blockers.ts';

/** In the order of their names; null: there is none, or it cannot be read. */
type Lines = ReadonlyArray<LineView | null>;

/**
 * The entries that are part of a deadlock cycle, by `keyOf`. The wait-for graph may include other lines than these;
 * `lineOf` reads one as it is now.
 */
export function deadlockedIn(
  lines: readonly LineView[],
  lineOf: (name: string) => LineView | null,
): ReadonlySet<string> {
  const steps = twoReadings(lines);
  let step = steps.next();
  while (!step.done) step = steps.next(step.value.map(lineOf));
  return step.value;
}

/** The same for a store that reads asynchronously. */
export async function deadlockedInAsync(
  lines: readonly LineView[],
  linesOf: (names: readonly string[]) => Lines | Promise<Lines>,
): Promise<ReadonlySet<string>> {
  const steps = twoReadings(lines);
  let step = steps.next();
  while (!step.done) step = steps.next(await linesOf(step.value));
  return step.value;
}

/**
 * Lines that are read one after the other may show a cycle that never was:
 *   1. Q holds B and waits for A, which P holds; A's line is read;
 *   2. Q gives up, and P waits for B; B's line is read.
 * So the lines are read twice. An entry that is part of a cycle in both readings was part of it all the time between.
 */
function* twoReadings(lines: readonly LineView[]): Generator<readonly string[], ReadonlySet<string>, Lines> {
  const names = lines
    .filter(({ entries }) => entries.some(({ keeps }) => keeps.held.length > 0))
    .map(({ name }) => name);
  // Usually no waiter keeps anything.
  if (names.length === 0) return new Set();
  const first = new Deadlocked(yield* reading(names, new Map(lines.map((line) => [line.name, line]))));
  if (first.inCycles.size === 0) return new Set();
  const again = yield* reading(names, new Map());
  const { inCycles } = new Deadlocked(again, first);
  return new Set(
    again.flatMap(({ name, entries }) =>
      entries.filter((entry) => inCycles.has(entry)).map(({ ticket }) => keyOf(name, ticket)),
    ),
  );
}

/** Yields the lines of the wait-for graph around some names, for the caller to read. Known lines are not read again. */
function* reading(
  names: readonly string[],
  known: ReadonlyMap<string, LineView>,
): Generator<readonly string[], LineView[], Lines> {
  const steps = linesAround(names);
  let step = steps.next();
  while (!step.done) {
    const asked = step.value;
    const unknown = asked.filter((name) => !known.has(name));
    const read = unknown.length === 0 ? [] : yield unknown;
    step = steps.next(asked.map((name) => known.get(name) ?? read[unknown.indexOf(name)] ?? null));
  }
  return step.value;
}
