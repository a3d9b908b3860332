import type { Verdict } from '../section-check.ts';
import type { TraceLine } from '../trace.ts';

/**
 * Checks a queue against the operations on it. Each item that was acknowledged has a number of its own; it is finished once, or still there; and none
 * that was finished is there again. One is lost that is neither there nor was in anybody's hands who may have finished it.
 *
 * @param left the numbers of the items that are unfinished at the end
 */
export function checkItems(
  name: string,
  puts: readonly TraceLine[],
  ends: readonly TraceLine[],
  left: readonly number[],
): Verdict {
  const verdict: Verdict = { cycles: 0, overlaps: 0, lost: 0, takeovers: 0, details: [] };
  const acknowledged = new Set<number>();
  const finished = new Set<number>();
  const tried = new Set<number>();
  const there = new Set(left);
  for (const [what, who, , sequence] of puts) {
    if (what !== 'done') continue;
    verdict.cycles += 1;
    if (acknowledged.has(Number(sequence))) {
      verdict.lost += 1;
      verdict.details.push(`${name}: two items have the number ${sequence}; the second was ${who}'s`);
    }
    acknowledged.add(Number(sequence));
  }
  for (const [what, who, at] of ends) {
    if (what === 'try') tried.add(Number(at));
    if (what !== 'done') continue;
    if (finished.has(Number(at)) || there.has(Number(at))) {
      verdict.overlaps += 1;
      verdict.details.push(
        `${name}: item ${at} was finished by ${who}, and ${there.has(Number(at)) ? 'is there again' : 'by another one'}`,
      );
    }
    finished.add(Number(at));
  }
  for (const sequence of acknowledged) {
    if (tried.has(sequence) || there.has(sequence)) continue;
    verdict.lost += 1;
    verdict.details.push(`${name}: item ${sequence} was put, and is gone, though nobody has finished it`);
  }
  return verdict;
}
