/** The objects that JSON has a form for without a `toJSON`. Others would silently become `{}`. */
const WRITTEN = ['[object Object]', '[object Array]'];

/** Whether JSON has a form for an object that has no `toJSON`. */
export function isWritten(value: object): boolean {
  return WRITTEN.includes(Object.prototype.toString.call(value));
}

export function hasOwnText(value: object): boolean {
  return typeof (value as { toJSON?: unknown }).toJSON === 'function';
}

export function isLiteral(value: unknown): boolean {
  return value === null || typeof value === 'boolean';
}

/** Calls `toJSON` and unboxes, as `JSON.stringify` does first. */
export function unboxed(given: unknown, key: string): unknown {
  let value = given;
  const { toJSON } = (value ?? {}) as { toJSON?: unknown };
  if (typeof toJSON === 'function') value = toJSON.call(value, key);
  if (value instanceof Number || value instanceof String || value instanceof Boolean) return value.valueOf();
  return value;
}

/** The name of a value's type, for a message that refuses it. */
export function nameOf(value: unknown): string {
  if (typeof value !== 'object') return typeof value === 'bigint' ? `the bigint ${value}` : `${typeof value}`;
  return `a ${Object.prototype.toString.call(value).slice(8, -1)}, which JSON has no form for`;
}
