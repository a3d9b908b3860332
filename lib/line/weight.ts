/** A permit is counted in shares, so that a shared entry can take a tiny part of a lock's one permit. */
const SHARES_PER_PERMIT = 2 ** 20;

/** How many shares of a line's permits an entry with this ask takes. */
export function weightOf(ask: number): number {
  return ask === 0 ? 1 : ask * SHARES_PER_PERMIT;
}
