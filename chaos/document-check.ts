import { documentIn } from './document.ts';
import type { Verdict } from './section-check.ts';
import type { TraceLine } from './trace.ts';
import { checkUpdates } from './update-check.ts';

export interface DocumentVerdict extends Verdict {
  /** Updates that were refused because the disk was full. */
  refused: number;
  /** How often a reader found an incomplete document, in use and at the end. */
  torn: number;
}

/** Checks that every read of a JSON file, and the end, found a whole document, and that no acknowledged update is lost. */
export function checkDocument(name: string, lines: readonly TraceLine[], text: string): DocumentVerdict {
  const damaged = lines.filter(([what]) => what === 'damaged');
  const refused = lines.filter(([what]) => what === 'full').length;
  const found = documentIn(text);
  const details = damaged.map(([, who, at]) => `${name}: ${who} read a part of a document in its operation ${at}`);
  if (typeof found === 'string') {
    const torn = damaged.length + 1;
    // A file that is not a document does not show which updates it has.
    const cycles = lines.filter(([what]) => what === 'done').length;
    details.push(`${name}: at the end ${found}`);
    return { cycles, overlaps: 0, lost: cycles, takeovers: 0, details, refused, torn };
  }
  const verdict = checkUpdates(name, lines, found.count);
  return { ...verdict, details: [...details, ...verdict.details], refused, torn: damaged.length };
}

/** Files on the disk that nothing needs: a killed writer left them, and no later writer swept them away. */
export function leftBehind(entries: readonly string[], known: readonly string[]): string[] {
  return entries.filter((entry) => !known.includes(entry)).map((entry) => `${entry} was left on the disk`);
}
