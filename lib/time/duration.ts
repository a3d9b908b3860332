import ms from 'ms';

const BARE = /^(\d+|\d*\.\d+)$/;
/** One part of `1h30m`. */
const PART = /(\d+|\d*\.\d+)\s*([a-z]+)\s*/gy;
/** `ms` throws for a longer text. */
const MAX_CHARACTERS = 100;

/** Parses `500ms`, `10s`, `5m`, `2h`, `1d`, `1h30m`, or bare seconds, into ms; null if it is not a duration. */
export function durationIn(given: string): number | null {
  const text = given.trim();
  const value = BARE.test(text) ? Number(text) * 1000 : withUnits(text);
  return value !== undefined && Number.isFinite(value) && value >= 0 ? value : null;
}

function withUnits(text: string): number | undefined {
  if (text === '' || text.length > MAX_CHARACTERS) return undefined;
  return ms(text as ms.StringValue) ?? sumOf(text.toLowerCase());
}

/** The sum of several parts. Each has a smaller unit than the one before it: `30m1h` and `5m5m` are slips. */
function sumOf(text: string): number | undefined {
  let sum = 0;
  let before = Number.POSITIVE_INFINITY;
  let end = 0;
  for (const { 0: part, 1: number, 2: word, index } of text.matchAll(PART)) {
    const unit = ms(`1${word}` as ms.StringValue);
    if (unit === undefined || unit >= before) return undefined;
    sum += Number(number) * unit;
    [before, end] = [unit, index + part.length];
  }
  return end === text.length ? sum : undefined;
}
