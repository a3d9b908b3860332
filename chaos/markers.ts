import fs from 'node:fs';
import path from 'node:path';
import { isLiving, type Life, ownLife } from './life.ts';

/** A visitor whose marker is there. */
export interface Neighbour {
  readonly owner: Life;
  readonly ask: number;
  readonly token: number;
}

/**
 * The markers of those that are in a section. A marker's name contains its visitor, its permits and its token. A visitor creates it
 * (`O_EXCL`) before it reads the other markers: so of two visitors inside at once the later one sees the marker of the earlier
 * one. A marker of a dead process was left behind, and is removed. If there were one name for each permit instead, two visitors
 * that find the same dead process's marker would remove each other's.
 */
export class Markers {
  readonly #directory: string;
  readonly #self = ownLife();
  readonly #own = new Set<string>();
  #made = 0;
  #hasVanished = false;

  /** @param section its directory */
  constructor(section: string) {
    this.#directory = path.join(section, 'markers');
    fs.mkdirSync(this.#directory, { recursive: true });
  }

  /** The processes that have a marker in a section. */
  static inside(section: string): Life[] {
    try {
      return fs.readdirSync(path.join(section, 'markers')).map((marker) => neighbourOf(marker).owner);
    } catch {
      return [];
    }
  }

  place(ask: number, token: number): string {
    const marker = `${this.#self}.${ask}.${token}.${++this.#made}`;
    if (!this.#hasVanished) fs.closeSync(fs.openSync(path.join(this.#directory, marker), 'wx'));
    this.#own.add(marker);
    return marker;
  }

  /** Those beside this marker that live. Removes those of the dead, and calls `onDead` for each. */
  beside(own: string, onDead: (owner: Life) => void): Neighbour[] {
    const living: Neighbour[] = [];
    for (const marker of fs.readdirSync(this.#directory)) {
      if (marker === own) continue;
      const neighbour = neighbourOf(marker);
      if (isLiving(neighbour.owner)) living.push(neighbour);
      else if (this.#unlink(marker)) onDead(neighbour.owner);
    }
    return living;
  }

  remove(marker: string): void {
    this.#unlink(marker);
    this.#own.delete(marker);
  }

  /** For a process that is about to die of a signal: it leaves no marker from now on. */
  vanish(): void {
    this.#hasVanished = true;
    for (const marker of this.#own) this.#unlink(marker);
  }

  #unlink(marker: string): boolean {
    try {
      fs.unlinkSync(path.join(this.#directory, marker));
      return true;
    } catch {
      return false;
    }
  }
}

function neighbourOf(marker: string): Neighbour {
  const [pid = '', start = '', ask = '', token = ''] = marker.split('.');
  return { owner: `${pid}.${start}`, ask: Number(ask), token: Number(token) };
}

/** Whether one may not be in together with these others. A reader asks for nothing, and must not meet one who asks for all. */
export function isTooMany(permits: number, ask: number, others: readonly number[]): boolean {
  const taken = others.reduce((sum, other) => sum + other, ask);
  const isShut = others.some((other) => (other === 0 && ask === permits) || (ask === 0 && other === permits));
  return taken > permits || isShut;
}
