import { documentIn } from './document.ts';
import type { Verdict } from './section-check.ts';
import type { TraceLine } from './trace.ts';
import { checkUpdates } from './update-check.ts';

export interface DocumentVerdict extends Verdict {
  /** Updates that were refused because the disk was full. */
  refused: number;
  /** How often the file was found to be no whole document, in use and at the end. */
  torn: number;
}

/** Whether a JSON file was whole whenever it was read, is so at the end, and has every update that was acknowledged. */
export function checkDocument(name: string, lines: readonly TraceLine[], text: string): DocumentVerdict {
  const damaged = lines.filter(([what]) => what === 'damaged');
  const refused = lines.filter(([what]) => what === 'full').length;
  const found = documentIn(text);
  const details = damaged.map(([, who, at]) => `${name}: ${who} read a part of a document in its operation ${at}`);
  if (typeof found === 'string') {
    const torn = damaged.length + 1;
    // Of a file that is no document nobody can say which updates it has.
    const cycles = lines.filter(([what]) => what === 'done').length;
    details.push(`${name}: at the end ${found}`);
    return { cycles, overlaps: 0, lost: cycles, takeovers: 0, details, refused, torn };
  }
  const verdict = checkUpdates(name, lines, found.count);
  return { ...verdict, details: [...details, ...verdict.details], refused, torn: damaged.length };
}

/** What stands on the disk and nobody would miss: a writer that was killed left it, and no later one swept it away. */
export function leftBehind(entries: readonly string[], known: readonly string[]): string[] {
  return entries.filter((entry) => !known.includes(entry)).map((entry) => `${entry} was left on the disk`);
}
