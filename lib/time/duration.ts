import ms from 'ms';

const BARE = /^(\d+|\d*\.\d+)$/;
/** `ms` throws for a longer text. */
const MAX_CHARACTERS = 100;

/** Parses `500ms`, `10s`, `5m`, `2h`, `1d`, or bare seconds, into ms; null if it is not a duration. */
export function durationIn(given: string): number | null {
  const text = given.trim();
  const value = BARE.test(text) ? Number(text) * 1000 : withUnit(text);
  return value !== undefined && Number.isFinite(value) && value >= 0 ? value : null;
}

function withUnit(text: string): number | undefined {
  return text === '' || text.length > MAX_CHARACTERS ? undefined : ms(text as ms.StringValue);
}
