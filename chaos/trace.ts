import fs from 'node:fs';
import path from 'node:path';
import type { Life } from './life.ts';

/**
 * The operations on one resource, in order: one file, one `O_APPEND` write for each line.
 *
 * - `enter`, `exit`: a section, with its fencing token; `number` is the plain counter, or 0.
 * - `overlap`: an entering process found the marker of a live one. `takeover`: of a dead one.
 * - `try`, `done`, `undone`: an operation that must not be lost; `number` is the resulting value.
 * - `full`: it was undone because the disk was full. `damaged`: it read a part of a document.
 * - `arrive`, `met`: a barrier.
 * - `take`, `leave`: an item of a queue is in a process's hands, until it is done, given back or known to be lost.
 */
export type TraceLine =
  | ['enter', who: Life, token: number, ask: number, number: number]
  | ['exit', who: Life, token: number, number: number]
  | ['overlap' | 'takeover', who: Life, token: number, other: Life]
  | ['torn', who: Life, token: number, before: number, after: number]
  | ['try' | 'undone' | 'full' | 'damaged' | 'arrive', who: Life, at: number]
  | ['done' | 'met', who: Life, at: number, number: number]
  | ['take', who: Life, item: number, token: number, ms: number]
  | ['leave', who: Life, item: number, token: number];

export class Trace {
  readonly #fd: number;

  constructor(directory: string) {
    fs.mkdirSync(directory, { recursive: true });
    this.#fd = fs.openSync(path.join(directory, 'trace'), 'a');
  }

  /** The newline comes first, so that a line torn by its writer's death does not damage the next one. */
  note(line: TraceLine): void {
    fs.writeSync(this.#fd, `\n${JSON.stringify(line)}`);
  }
}

/** All whole lines. */
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
