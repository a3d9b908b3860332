import { mean, median, percentile } from './median.ts';

export type Unit = 'ms' | 'kB' | 'per second' | 'share' | 'times' | 'count';

/** One figure in its unit; `share` is a part of one, and `times` a ratio. */
export interface Figure {
  value: number;
  unit: Unit;
}

/** One contestant of a benchmark. */
export interface Row {
  name: string;
  /** Rows of one group are compared with each other: those of one size of file, of one number of processes. */
  group?: string;
  unit: Unit;
  median: number;
  p99?: number;
  mean?: number;
  /** This row's median to that of the row which `Section.base` names, in the same group. */
  ratio?: number;
  /** Further figures, by the heading of their column. */
  more?: Record<string, Figure>;
}

/** A limit, and the figure that was measured. A benchmark reports whether it is met; nothing fails. */
export interface Target {
  text: string;
  bound: 'at most' | 'at least';
  limit: number;
  unit: Unit;
  /** Null if it could not be measured here, for a reason that a note of the section gives. */
  measured: number | null;
  met: boolean | null;
}

/** The measurements of one benchmark. */
export interface Section {
  name: string;
  /** The subject of the measurement, and how often it is repeated. */
  title: string;
  /** In words, the row that the others are compared with: the heading of the ratios is "to BASE". */
  base?: string;
  rows: Row[];
  /** Peers that are not installed here, with the way to install them. */
  absent: string[];
  /** Facts that a reader of these figures must know. */
  notes: string[];
  targets: Target[];
}

/** A benchmark works in a directory of its own, which is removed afterwards, and judges nothing by its exit code. */
export type Benchmark = (directory: string) => Promise<Section>;

export interface RowOptions {
  unit?: Unit;
  group?: string;
  /** The values of the row to compare with. */
  base?: readonly number[];
  /** Single operations, where `values` are means of batches: the 99th percentile is taken of these. */
  single?: readonly number[];
  more?: Record<string, Figure>;
}

/** The row of a contestant from its measured values, in ms unless `unit` says otherwise. */
export function rowOf(name: string, values: readonly number[], options: RowOptions = {}): Row {
  const { unit = 'ms', group, base, single, more } = options;
  return {
    name,
    ...(group === undefined ? {} : { group }),
    unit,
    median: median(values),
    ...(single && single.length > 0 ? { p99: percentile(single, 99) } : {}),
    mean: mean(values),
    ...(base && base.length > 0 ? { ratio: median(values) / median(base) } : {}),
    ...(more ? { more } : {}),
  };
}

/** @param measured without a value (NaN, undefined) where it could not be measured here. */
export function atMost(text: string, limit: number, measured?: number, unit: Unit = 'times'): Target {
  return target('at most', text, limit, measured, unit);
}

/** @param measured without a value (NaN, undefined) where it could not be measured here. */
export function atLeast(text: string, limit: number, measured?: number, unit: Unit = 'times'): Target {
  return target('at least', text, limit, measured, unit);
}

function target(bound: Target['bound'], text: string, limit: number, given: number | undefined, unit: Unit): Target {
  const measured = given === undefined || Number.isNaN(given) ? null : given;
  const met = measured === null ? null : bound === 'at most' ? measured <= limit : measured >= limit;
  return { text, bound, limit, unit, measured, met };
}

/** A benchmark that cannot run here. Its targets are reported as not measured. */
export function skipped(name: string, title: string, why: string, targets: readonly Target[] = []): Section {
  return { name, title, rows: [], absent: [], notes: [`Skipped: ${why}`], targets: [...targets] };
}
