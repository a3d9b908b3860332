import type { Life } from '../life.ts';
import type { Verdict } from '../section-check.ts';
import type { TraceLine } from '../trace.ts';
import type { Excuses, Had } from './excuses.ts';

/** An item in the hands of one process. */
interface Hold extends Had {
  item: number;
}

/**
 * Checks that no item of a queue was in two hands at once, unless the one with the smaller token could not hear that it had lost the item. One
 * who never let go of it was killed, and may have been dead by then.
 */
export function checkHands(name: string, lines: readonly TraceLine[], excuses: Excuses): Verdict {
  const verdict: Verdict = { cycles: 0, overlaps: 0, lost: 0, takeovers: 0, details: [] };
  const left = new Set(lines.flatMap((line) => (line[0] === 'leave' ? [keyOf(line[1], line[2], line[3])] : [])));
  const held = new Map<string, Hold>();
  for (const line of lines) {
    if (line[0] === 'leave') {
      verdict.cycles += Number(held.delete(keyOf(line[1], line[2], line[3])));
    } else if (line[0] === 'take') {
      const [, who, item, token, fromMs] = line;
      const hold: Hold = { who, item, token, fromMs };
      const rivals = [...held.values()].filter((other) => other.item === item && !excuses.cover(hold, other));
      for (const rival of rivals) {
        verdict.overlaps += 1;
        verdict.details.push(`${name}: item ${item} was in the hands of ${shown(rival)} and of ${shown(hold)}`);
      }
      if (left.has(keyOf(who, item, token))) held.set(keyOf(who, item, token), hold);
    }
  }
  return verdict;
}

function keyOf(who: Life, item: number, token: number): string {
  return `${who} ${item} ${token}`;
}

function shown({ who, token }: Hold): string {
  return `${who} (token ${token})`;
}
