import { checkName, MAX_PERMITS, shortCommand } from '../../../lib/internal.ts';
import type { RunPlan } from '../../../lib/jobs/index.ts';
import { parseDuration, parseLimit } from '../../args/duration.ts';
import type { FlockArguments, StoreArguments, WordArguments } from '../../args/options.ts';
import { wordsOf } from '../../child/words.ts';
import { EXIT, UsageError } from '../../output/exit.ts';
import { pingUrl } from './ping.ts';

export interface JobArguments extends StoreArguments, FlockArguments, WordArguments {
  name: string;
  overlap: 'skip' | 'wait' | 'replace';
  wait?: string | undefined;
  conflictExitCode?: number | undefined;
  permits?: number | undefined;
  resize: boolean;
  timeout?: string | undefined;
  killAfter: string;
  splay?: string | undefined;
  every?: string | undefined;
  retries: number;
  backoff?: string | undefined;
  expect?: string | undefined;
  grace?: string | undefined;
  tz?: string | undefined;
  ping?: string | undefined;
  log?: string | undefined;
  keep: number;
  command?: string | undefined;
  quiet: boolean;
  verbose: boolean;
}

/** Each attempt adds an owner to the lock's entry, and the number of an entry's owners is bounded. */
const MAX_RETRIES = 10;
const MAX_KEEP = 10_000;
const BACKOFF_MS = 10_000;

/** The command line's options, checked. Times in ms. */
export interface JobPlan {
  name: string;
  words: readonly string[];
  label: string;
  /** The part that the run's record keeps. */
  recorded: RunPlan;
  /** Undefined: a lock; else a semaphore. */
  permits: number | undefined;
  resize: boolean;
  /** The file that is locked as `flock` does, too. */
  flock: string | undefined;
  /** Null: no limit was given. */
  waitMs: number | null;
  splayMs: number;
  backoffMs: number;
  /** The zone whose days `--every` counts. Null: this process's local time. */
  everyZone: string | null;
  skippedCode: number;
  keep: number;
  ping: URL | null;
  log: string | null;
  quiet: boolean;
  verbose: boolean;
}

/** @throws {UsageError | MisuseError} */
export async function planOf(args: JobArguments): Promise<JobPlan> {
  const { name, log = null, quiet, verbose } = args;
  checkName(name);
  if (quiet && verbose) throw new UsageError('--quiet and --verbose exclude each other');
  const words = wordsOf(args, 'job');
  return {
    name,
    words,
    label: shortCommand(args.command === undefined ? words : [args.command]),
    recorded: await recordedOf(args),
    permits: args.permits === undefined ? undefined : permitsOf(args),
    resize: args.resize,
    flock: flockOf(args),
    waitMs: waitOf(args),
    splayMs: durationOf(args.splay, '--splay') ?? 0,
    backoffMs: backoffOf(args),
    everyZone: await everyZoneOf(args),
    skippedCode: skippedCodeOf(args),
    keep: wholeNumber(args.keep, '--keep', 1, MAX_KEEP),
    ping: args.ping === undefined ? null : pingUrl(args.ping),
    log,
    quiet,
    verbose,
  };
}

async function recordedOf(args: JobArguments): Promise<RunPlan> {
  const { overlap, expect = null } = args;
  if (expect === null && args.grace !== undefined) throw new UsageError('--grace needs --expect');
  return {
    overlap,
    permits: permitsOf(args),
    timeoutMs: limitOf(args.timeout),
    killAfterMs: parseDuration(args.killAfter, '--kill-after'),
    everyMs: durationOf(args.every, '--every'),
    retries: wholeNumber(args.retries, '--retries', 0, MAX_RETRIES),
    expect,
    zone: expect === null ? null : await zoneOf(expect, args),
    graceMs: durationOf(args.grace, '--grace'),
  };
}

/** The zone of an expectation, which is checked. Loaded here only: the parser's library, and the zones, are slow to load. */
async function zoneOf(expect: string, { tz }: JobArguments): Promise<string | null> {
  const { crontabZone, intervalZone, parseExpectation } = await import('./expectation.ts');
  const sources = { tz, env: process.env };
  return parseExpectation(expect).isInterval ? intervalZone(sources) : crontabZone(sources);
}

/** A zone of its own has `--every` only if one was named: the local time of this process is there at no cost. */
async function everyZoneOf({ every, expect, tz }: JobArguments): Promise<string | null> {
  if (tz !== undefined && every === undefined && expect === undefined)
    throw new UsageError('--tz needs --expect, or --every');
  if (every === undefined || (tz === undefined && !process.env.CRON_TZ)) return null;
  return (await import('./zone.ts')).intervalZone({ tz, env: process.env });
}

/** Before the run is recorded. @throws {UsageError} */
function flockOf({ flock, permits }: JobArguments): string | undefined {
  if (flock !== undefined && permits !== undefined)
    throw new UsageError(
      '--flock needs a lock: runs that go on at the same time (--permits) would keep each other out',
    );
  if (flock === '') throw new UsageError('--flock takes the path of a file');
  return flock;
}

function permitsOf({ permits = 1 }: JobArguments): number {
  return wholeNumber(permits, '--permits', 1, MAX_PERMITS);
}

function waitOf({ overlap, wait }: JobArguments): number | null {
  if (wait !== undefined && overlap === 'skip')
    throw new UsageError('--wait needs --overlap wait, or --overlap replace');
  return durationOf(wait, '--wait');
}

function backoffOf({ backoff, retries }: JobArguments): number {
  if (backoff !== undefined && retries === 0) throw new UsageError('--backoff needs --retries');
  return durationOf(backoff, '--backoff') ?? BACKOFF_MS;
}

function skippedCodeOf({ conflictExitCode: code, overlap }: JobArguments): number {
  if (code !== undefined && overlap !== 'skip') throw new UsageError('--conflict-exit-code needs --overlap skip');
  return code === undefined ? EXIT.ok : wholeNumber(code, '--conflict-exit-code', 0, 255);
}

function durationOf(given: string | undefined, option: string): number | null {
  return given === undefined ? null : parseDuration(given, option);
}

/** Null: no limit. */
function limitOf(timeout: string | undefined): number | null {
  const limit = parseLimit(timeout, '--timeout');
  return Number.isFinite(limit) ? limit : null;
}

function wholeNumber(given: number, option: string, least: number, most: number): number {
  if (Number.isSafeInteger(given) && given >= least && given <= most) return given;
  throw new UsageError(`${option} must be a whole number from ${least} to ${most}, not ${given}`);
}
