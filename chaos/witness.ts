import fs from 'node:fs';
import path from 'node:path';
import { type Life, ownLife } from './life.ts';
import { isTooMany, Markers } from './markers.ts';
import type { Section } from './scenery.ts';
import { Trace } from './trace.ts';

const DIGITS = 12;

export interface Visit {
  readonly token: number;
  /** Permits; 0 for a reader. */
  readonly ask: number;
  readonly marker: string;
  readonly number: number;
}

/**
 * Detects violations from inside one section, in three ways that are independent of Lockstep: a marker for each
 * visitor, a plain counter that is read and then written, and a trace that is checked afterwards.
 */
export class Witness {
  readonly #section: Section;
  readonly #markers: Markers;
  readonly #trace: Trace;
  readonly #counter: number;
  readonly #self = ownLife();

  constructor(directory: string, section: Section) {
    this.#section = section;
    this.#markers = new Markers(directory);
    this.#trace = new Trace(directory);
    this.#counter = fs.openSync(path.join(directory, 'counter'), fs.constants.O_RDWR | fs.constants.O_CREAT, 0o600);
  }

  enter(token: number, ask: number): Visit {
    const marker = this.#markers.place(ask, token);
    this.#lookAround(marker, token, ask);
    const number = this.#read();
    this.#trace.note(['enter', this.#self, token, ask, number]);
    return { token, ask, marker, number };
  }

  /** Called last, right before the release. */
  exit({ token, ask, marker, number }: Visit): void {
    const alone = ask === this.#section.permits;
    // Only an exclusive visitor may write. During a reader's visit the counter must not change.
    if (alone) this.#write(number + 1);
    else if (ask === 0 && this.#read() !== number) this.#trace.note(['torn', this.#self, token, number, this.#read()]);
    this.#trace.note(['exit', this.#self, token, alone ? number + 1 : number]);
    this.#markers.remove(marker);
  }

  /** For a process that is about to die of a signal: it leaves no marker from now on. */
  vanish(): void {
    this.#markers.vanish();
  }

  #lookAround(own: string, token: number, ask: number): void {
    const onDead = (owner: Life) => this.#trace.note(['takeover', this.#self, token, owner]);
    const asks: number[] = [];
    for (const { owner, ask: theirs } of this.#markers.beside(own, onDead)) {
      asks.push(theirs);
      if (isTooMany(this.#section.permits, ask, asks)) this.#trace.note(['overlap', this.#self, token, owner]);
    }
  }

  #read(): number {
    const text = Buffer.alloc(DIGITS);
    return Number(text.toString('latin1', 0, fs.readSync(this.#counter, text, 0, DIGITS, 0)));
  }

  #write(number: number): void {
    fs.writeSync(this.#counter, String(number).padStart(DIGITS, '0'), 0);
  }
}
