import ms from 'ms';
import { UsageError } from './failure.ts';

const BARE = /^\d+(\.\d+)?$/;

/** `500ms`, `10s`, `5m`, `2h`, or seconds if bare, in ms. */
export function parseDuration(text: string, option: string): number {
  const value = BARE.test(text) ? Number(text) * 1000 : parseWithUnit(text);
  if (value !== undefined && Number.isFinite(value) && value >= 0) return value;
  throw new UsageError(
    `${option} takes a duration such as 500ms, 10s, 5m or 2h (a bare number means seconds), not '${text}'`,
  );
}

function parseWithUnit(text: string): number | undefined {
  // `ms` throws on an empty string and on more than 100 characters.
  return text === '' || text.length > 100 ? undefined : ms(text as ms.StringValue);
}
