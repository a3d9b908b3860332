import fs from 'node:fs';
import path from 'node:path';
import type { Life } from '../life.ts';

/** Who is inside beside somebody, as its marker says. */
export type Neighbour = [who: Life, token: number, ask: number];

/**
 * What happens in one section, in order: one file, one `O_APPEND` write for each line. The time is `nowMs()`.
 *
 * - `claim`: somebody came in. `leave`: went out. `lost`: learned that its lease is lost, before it went out.
 * - `write`: the plain counter of the section is to be `value`.
 * - `beside`: somebody who came in found the markers of others, who live, and of whom there are too many.
 * - `takeover`: it found the marker of a dead one.
 */
export type RegisterLine =
  | ['claim', who: Life, token: number, ask: number, atMs: number]
  | ['leave' | 'lost', who: Life, token: number, atMs: number]
  | ['write', who: Life, token: number, value: number]
  | ['beside', who: Life, token: number, ask: number, others: Neighbour[]]
  | ['takeover', who: Life, token: number, other: Life];

/**
 * A resource that checks fencing tokens, and is no part of etcd: a counter, and the greatest token of those who came to it. A write is
 * accepted if nobody with a greater token has come before. All that read the same lines agree on what was accepted.
 */
export class FencedCounter {
  value = 0;
  highest = 0;

  /** Returns whether a write was accepted; true for any other line. */
  apply(line: RegisterLine): boolean {
    if (line[0] === 'claim') this.highest = Math.max(this.highest, line[2]);
    if (line[0] !== 'write') return true;
    if (line[2] < this.highest) return false;
    this.value = line[3];
    return true;
  }
}

/** The register of one section, as one of its visitors sees it. */
export class Register {
  readonly #fd: number;
  readonly #counter = new FencedCounter();
  #offset = 0;
  #rest = '';

  constructor(directory: string) {
    fs.mkdirSync(directory, { recursive: true });
    this.#fd = fs.openSync(fileIn(directory), 'a+');
  }

  /** The newline comes first, so that a line torn by its writer's death does not damage the next one. */
  note(line: RegisterLine): void {
    fs.writeSync(this.#fd, `\n${JSON.stringify(line)}\n`);
  }

  /** The counter, as of now. */
  read(): number {
    const bytes = Buffer.alloc(fs.fstatSync(this.#fd).size - this.#offset);
    this.#offset += fs.readSync(this.#fd, bytes, 0, bytes.length, this.#offset);
    const lines = (this.#rest + bytes.toString('utf8')).split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines.flatMap(parsed)) this.#counter.apply(line);
    return this.#counter.value;
  }
}

/** All whole lines. */
export function readRegister(directory: string): RegisterLine[] {
  try {
    return fs.readFileSync(fileIn(directory), 'utf8').split('\n').flatMap(parsed);
  } catch {
    return [];
  }
}

function fileIn(directory: string): string {
  return path.join(directory, 'register');
}

function parsed(text: string): RegisterLine[] {
  try {
    return text === '' ? [] : [JSON.parse(text) as RegisterLine];
  } catch {
    return [];
  }
}
