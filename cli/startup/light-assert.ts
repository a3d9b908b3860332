/** Stands in for `node:assert` in the bundle: yargs uses two functions of it, and loading it costs 2 ms. */
export function notStrictEqual(actual: unknown, expected: unknown, message?: string): void {
  if (Object.is(actual, expected)) throw new Error(message ?? `${String(actual)} is ${String(expected)}`);
}

export function strictEqual(actual: unknown, expected: unknown, message?: string): void {
  if (!Object.is(actual, expected)) throw new Error(message ?? `${String(actual)} is not ${String(expected)}`);
}
