/** More edits than this make another word. */
const MAX_EDITS = 3;
/** A longer word is compared with none: the time grows with the square of its length. */
const MAX_CHARACTERS = 200;
/** A shorter word is like too many others. */
const MIN_CHARACTERS = 3;

/**
 * Returns the word that was probably meant: the one with the fewest edits, if these are few for its length; or one that begins
 * like the given one. Null if there is none.
 */
export function nearestOf(given: string, words: Iterable<string>): string | null {
  if (given.length < MIN_CHARACTERS || given.length > MAX_CHARACTERS) return null;
  const most = Math.min(MAX_EDITS, Math.max(1, Math.floor(given.length / 3)));
  let nearest: string | null = null;
  let least = most + 1;
  let longer: string | null = null;
  for (const word of words) {
    if (isBeginning(given, word) || isBeginning(word, given)) longer ??= word;
    if (word === given || Math.abs(word.length - given.length) >= least) continue;
    const edits = editsBetween(given.toLowerCase(), word.toLowerCase());
    if (edits < least) [nearest, least] = [word, edits];
  }
  return nearest ?? longer;
}

function isBeginning(short: string, long: string): boolean {
  return short.length >= MIN_CHARACTERS && short.length < long.length && long.startsWith(short);
}

/** How many characters must be inserted, removed, replaced, or swapped with the next one. */
function editsBetween(one: string, other: string): number {
  let before: number[] = [];
  let last = Array.from({ length: other.length + 1 }, (_, at) => at);
  for (let i = 1; i <= one.length; i++) {
    const row = [i];
    for (let j = 1; j <= other.length; j++) {
      const isSame = one[i - 1] === other[j - 1];
      let edits = Math.min((last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (last[j - 1] ?? 0) + (isSame ? 0 : 1));
      const isSwapped = i > 1 && j > 1 && one[i - 1] === other[j - 2] && one[i - 2] === other[j - 1];
      if (isSwapped) edits = Math.min(edits, (before[j - 2] ?? 0) + 1);
      row.push(edits);
    }
    [before, last] = [last, row];
  }
  return last[other.length] ?? 0;
}
