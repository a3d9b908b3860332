import fs from 'node:fs';
import path from 'node:path';
import { isLiving, type Life, ownLife } from './life.ts';
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
 *
 * A marker's name contains its visitor and its permits. A visitor creates it (`O_EXCL`) before it reads the other
 * markers: so of two visitors inside at once the later one sees the marker of the earlier one. A marker of a dead
 * process was left behind, and is removed. If there were one name for each permit instead, two visitors that find
 * the same dead process's marker would remove each other's.
 */
export class Witness {
  readonly #section: Section;
  readonly #markers: string;
  readonly #trace: Trace;
  readonly #counter: number;
  readonly #self = ownLife();
  readonly #inside = new Set<string>();
  #made = 0;
  #hasVanished = false;

  constructor(directory: string, section: Section) {
    this.#section = section;
    this.#markers = path.join(directory, 'markers');
    fs.mkdirSync(this.#markers, { recursive: true });
    this.#trace = new Trace(directory);
    this.#counter = fs.openSync(path.join(directory, 'counter'), fs.constants.O_RDWR | fs.constants.O_CREAT, 0o600);
  }

  enter(token: number, ask: number): Visit {
    const marker = `${this.#self}.${ask}.${++this.#made}`;
    if (!this.#hasVanished) fs.closeSync(fs.openSync(path.join(this.#markers, marker), 'wx'));
    this.#inside.add(marker);
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
    this.#remove(marker);
    this.#inside.delete(marker);
  }

  /** For a process that is about to die of a signal: it leaves no marker from now on. */
  vanish(): void {
    this.#hasVanished = true;
    for (const marker of this.#inside) this.#remove(marker);
  }

  /** The processes that have a marker inside. */
  static inside(directory: string): Life[] {
    try {
      return fs.readdirSync(path.join(directory, 'markers')).map(ownerOf);
    } catch {
      return [];
    }
  }

  #lookAround(own: string, token: number, ask: number): void {
    const { permits } = this.#section;
    let taken = ask;
    for (const marker of fs.readdirSync(this.#markers)) {
      if (marker === own) continue;
      const owner = ownerOf(marker);
      if (!isLiving(owner)) {
        if (this.#remove(marker)) this.#trace.note(['takeover', this.#self, token, owner]);
        continue;
      }
      const others = Number(marker.split('.')[2]);
      taken += others;
      // A reader takes no permit, but an exclusive visitor must not meet one.
      const shut = (others === 0 && ask === permits) || (ask === 0 && others === permits);
      if (taken > permits || shut) this.#trace.note(['overlap', this.#self, token, owner]);
    }
  }

  #remove(marker: string): boolean {
    try {
      fs.unlinkSync(path.join(this.#markers, marker));
      return true;
    } catch {
      return false;
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

function ownerOf(marker: string): Life {
  return marker.split('.').slice(0, 2).join('.');
}
