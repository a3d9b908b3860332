import fs from 'node:fs';
import path from 'node:path';
import type { Life } from './life.ts';

/**
 * What was done to one resource, in the order in which it was: one file, one `O_APPEND` write for each line.
 *
 * - `enter`, `exit`: a section, with its fencing token; `number` is what the plain counter said, or 0.
 * - `overlap`: on entering, the marker of another was there who is alive. `takeover`: one of the dead.
 * - `try`, `done`, `undone`: an operation that must not be lost; `number` is the value it came to.
 * - `full`: it was undone because the disk was full. `damaged`: what it read was a part of a document.
 * - `arrive`, `met`: a barrier.
 */
export type TraceLine =
  | ['enter', who: Life, token: number, ask: number, number: number]
  | ['exit', who: Life, token: number, number: number]
  | ['overlap' | 'takeover', who: Life, token: number, other: Life]
  | ['torn', who: Life, token: number, before: number, after: number]
  | ['try' | 'undone' | 'full' | 'damaged' | 'arrive', who: Life, at: number]
  | ['done' | 'met', who: Life, at: number, number: number];

export class Trace {
  readonly #fd: number;

  constructor(directory: string) {
    fs.mkdirSync(directory, { recursive: true });
    this.#fd = fs.openSync(path.join(directory, 'trace'), 'a');
  }

  /** The newline comes first: a line that its writer's death tore does not take the next one with it. */
  note(line: TraceLine): void {
    fs.writeSync(this.#fd, `\n${JSON.stringify(line)}`);
  }
}

/** All lines that are whole. */
export function readTrace(directory: string): TraceLine[] {
  let text: string;
  try {
    text = fs.readFileSync(path.join(directory, 'trace'), 'utf8');
  } catch {
    return [];
  }
  return text.split('\n').flatMap((line) => {
    try {
      return [JSON.parse(line) as TraceLine];
    } catch {
      return [];
    }
  });
}
