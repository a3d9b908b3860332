import { PARTIES } from './scenery.ts';
import type { Verdict } from './section-check.ts';
import type { TraceLine } from './trace.ts';

/**
 * Checks a number against the operations on it: at least those that were acknowledged, at most
 * those plus the ones whose process was killed in the middle; and each with a different value.
 */
export function checkUpdates(name: string, lines: readonly TraceLine[], value: number): Verdict {
  const open = new Set<string>();
  const values = new Set<number>();
  const verdict: Verdict = { cycles: 0, overlaps: 0, lost: 0, takeovers: 0, details: [] };
  for (const [what, who, at, number] of lines) {
    if (what === 'try') open.add(`${who} ${at}`);
    if (what === 'undone' || what === 'done') open.delete(`${who} ${at}`);
    if (what !== 'done') continue;
    verdict.cycles += 1;
    if (typeof number !== 'number' || values.has(number)) {
      verdict.lost += 1;
      verdict.details.push(`${name}: two operations came to ${number}; the second was ${who}'s`);
    } else values.add(number);
  }
  const most = verdict.cycles + open.size;
  if (value >= verdict.cycles && value <= most) return verdict;
  verdict.lost += Math.max(1, verdict.cycles - value);
  verdict.details.push(
    `${name}: it says ${value}; ${verdict.cycles} were acknowledged, and ${open.size} are uncertain`,
  );
  return verdict;
}

/** Checks that no party passed a barrier before enough had arrived. */
export function checkMeetings(name: string, lines: readonly TraceLine[]): Verdict {
  const verdict: Verdict = { cycles: 0, overlaps: 0, lost: 0, takeovers: 0, details: [] };
  let arrived = 0;
  for (const [what, who] of lines) {
    if (what === 'arrive') arrived += 1;
    if (what !== 'met') continue;
    verdict.cycles += 1;
    if (arrived >= Math.ceil(verdict.cycles / PARTIES) * PARTIES) continue;
    verdict.overlaps += 1;
    verdict.details.push(`${name}: ${who} went on as the ${verdict.cycles}th when only ${arrived} had come`);
  }
  return verdict;
}
