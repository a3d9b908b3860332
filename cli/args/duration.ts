import { durationIn } from '../../lib/internal.ts';
import { UsageError } from '../output/exit.ts';
import type { LimitArguments, PatienceArguments } from './options.ts';

/** Converts `500ms`, `10s`, `5m`, `1h30m`, or a bare number of seconds to ms. @throws {UsageError} */
export function parseDuration(given: string, option: string): number {
  const value = durationIn(given);
  if (value !== null) return value;
  throw new UsageError(
    `${option} takes a duration such as 500ms, 10s, 5m or 1h30m (a bare number means seconds), not '${given}'`,
  );
}

/** Converts the value of a `--timeout`, as timeout(1) does: 0 is no limit. @throws {UsageError} */
export function parseLimit(given: string | undefined, option: string): number {
  const limit = given === undefined ? 0 : parseDuration(given, option);
  return limit === 0 ? Number.POSITIVE_INFINITY : limit;
}

/** How long a verb may wait, in ms: 0 for `--nonblock`, infinite by default. @throws {UsageError} */
export function patienceOf({
  nonblock,
  wait,
  conflictExitCode: code,
}: LimitArguments & Partial<PatienceArguments>): number {
  if (!Number.isInteger(code) || code < 0 || code > 255)
    throw new UsageError(`--conflict-exit-code must be a whole number from 0 to 255, not ${code}`);
  if (nonblock && wait !== undefined) throw new UsageError('--nonblock and --wait exclude each other');
  if (nonblock) return 0;
  return wait === undefined ? Number.POSITIVE_INFINITY : parseDuration(wait, '--wait');
}
