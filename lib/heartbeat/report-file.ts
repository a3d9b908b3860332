import { errnoWords } from '../host/errno.ts';
import { describeKind } from '../host/file-kind.ts';
import type { FileFacts, Host, ProcessFacts } from '../host/host.ts';
import { objectIn } from '../journal/json-object.ts';
import { isCount } from '../journal/record.ts';
import { fromWire, toWire } from '../session/facts.ts';
import { encodeName } from '../store/name.ts';

/*
 * The file by which a program reports that it is alive: `<store>/beats/<encoded name>`.
 *
 * Its first line identifies the reporter. Its time of change is the last heartbeat. A second line, appended through the
 * reporter's own descriptor, marks the end. Nothing in it is changed in place, so a reader never sees half of it: no
 * proper prefix of a JSON object is one.
 */

const VERSION = 1;
/** A report has a few hundred bytes. No reporter writes a larger file. */
const MAX_BYTES = 16 * 1024;
/** The latest time that `Date` can represent. */
const MAX_TIME_MS = 8.64e15;
const MAX_EXIT_CODE = 2 ** 31 - 1;
const MAX_KEY = 200;

/** The bounds of the interval between heartbeats. */
export const MIN_EVERY_MS = 10;
export const MAX_EVERY_MS = 86_400_000;

/** The end of a report, as the reporter marked it. */
export interface EndMark {
  state: 'ended' | 'failed';
  /** The exit code; 0 if it ended well. */
  code: number;
  /** In ms since 1970. */
  at: number;
}

/** A reporter's statement about itself. */
export interface Report {
  name: string;
  /** Random: it distinguishes this reporter from all others of the same name. */
  key: string;
  facts: ProcessFacts;
  /** The interval between its heartbeats, in ms. */
  everyMs: number;
  /** When it began, in ms since 1970. */
  since: number;
  label: string;
  /** Null while it runs, or if it died without marking its end. */
  mark: EndMark | null;
}

/**
 * The result of one look at a report's file: the report, or why there is none; `failure` if the file could not be read.
 */
export type ReportReading = { report: Report } | { problem: string; failure?: unknown };

export function beatsDirectory(store: string): string {
  return `${store}/beats`;
}

/** A report's private file before it takes its name: no encoded name begins with a dot. */
export function privateFile(key: string): string {
  return `.next.${key}`;
}

export function isPrivate(file: string): boolean {
  return file.startsWith('.next.');
}

/** The file's first line. */
export function reportText({ name, key, facts, everyMs, since, label }: Omit<Report, 'mark'>): string {
  const wire = { lockstep: 'beat', version: VERSION, name, key, facts: toWire(facts), every: everyMs, since, label };
  return JSON.stringify(wire);
}

/** The line that ends a report. The newline in front separates it from a torn mark before it. */
export function markText({ state, code, at }: EndMark): string {
  return `\n${JSON.stringify({ state, code, at })}`;
}

/** Reads the file that `look` found at `path`. It neither throws nor hangs, whatever is there. */
export function readReport(files: Host['files'], path: string, found: FileFacts): ReportReading {
  if (found.kind !== 'file') return { problem: `its place is taken by ${describeKind(found.kind)}` };
  if (found.size > MAX_BYTES) return { problem: `its file is too large for a report (${found.size} bytes)` };
  try {
    const text = files.readText(path);
    return text === null ? { problem: 'its file was taken away' } : parseReport(text, fileOf(path));
  } catch (error) {
    return { problem: `its file cannot be read (${errnoWords(error)})`, failure: error };
  }
}

function fileOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

/** Parses a report. `file` is the file's name, which must be the place of the report's own name. */
export function parseReport(text: string, file: string): ReportReading {
  const [first = '', ...rest] = text.split('\n');
  const wire = objectIn(first);
  if (wire?.lockstep !== 'beat') return { problem: 'its file is not a report' };
  if (wire.version !== VERSION)
    return { problem: `its report is of a format that this version of Lockstep does not know; it knows ${VERSION}` };
  const report = reportIn(wire);
  if (!report) return { problem: 'its report is damaged' };
  if (!isPlaceOf(file, report.name)) return { problem: 'its file has the report of another name' };
  return { report: { ...report, mark: rest.reduce((last: EndMark | null, line) => markIn(line) ?? last, null) } };
}

/** The name to show for a file whose report is unreadable. */
export function nameOfFile(file: string): string {
  try {
    return decodeURIComponent(file);
  } catch {
    return file;
  }
}

function reportIn(wire: Record<string, unknown>): Omit<Report, 'mark'> | null {
  const { name, key, every, since, label } = wire;
  const facts = fromWire(wire.facts);
  if (typeof name !== 'string' || typeof label !== 'string' || !facts) return null;
  if (typeof key !== 'string' || key === '' || key.length > MAX_KEY) return null;
  if (!isInterval(every) || !isTime(since)) return null;
  return { name, key, facts, everyMs: every, since, label };
}

function markIn(line: string): EndMark | null {
  const { state, code, at } = objectIn(line) ?? {};
  if (state !== 'ended' && state !== 'failed') return null;
  return isCount(code) && code <= MAX_EXIT_CODE && isTime(at) ? { state, code, at } : null;
}

/** Whether a value is a valid interval between heartbeats, in ms. */
export function isInterval(value: unknown): value is number {
  return isCount(value) && value >= MIN_EVERY_MS && value <= MAX_EVERY_MS;
}

function isTime(value: unknown): value is number {
  return isCount(value) && value <= MAX_TIME_MS;
}

function isPlaceOf(file: string, name: string): boolean {
  try {
    return encodeName(name) === file;
  } catch {
    // Not a valid name.
    return false;
  }
}
