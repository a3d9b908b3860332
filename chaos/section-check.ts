import type { Life } from './life.ts';
import type { Section } from './scenery.ts';
import type { TraceLine } from './trace.ts';

export interface Verdict {
  cycles: number;
  overlaps: number;
  lost: number;
  /** Markers of the dead that a successor found. */
  takeovers: number;
  /** What is wrong, one line each. */
  details: string[];
}

interface Stay {
  token: number;
  ask: number;
  /** What the counter said on entering, and what it was left at; null unless it was left. */
  found: number;
  left: number | null;
}

/** Reads a section's trace, and tells what nobody could see at the time. */
export class SectionCheck implements Verdict {
  cycles = 0;
  overlaps = 0;
  lost = 0;
  takeovers = 0;
  readonly details: string[] = [];
  readonly #section: Section;
  readonly #lines: readonly TraceLine[];
  readonly #inside = new Map<Life, Stay>();
  readonly #tokens = new Set<number>();
  #lastAlone: Stay | null = null;
  #highest = 0;
  #highestAlone = 0;

  constructor(section: Section, lines: readonly TraceLine[]) {
    this.#section = section;
    this.#lines = lines;
    const exits = exitsOf(lines);
    for (const [at, line] of lines.entries()) {
      if (line[0] === 'enter') this.#enter(line[1], line[2], line[3], line[4], exits.get(at) ?? null);
      else if (line[0] === 'exit') this.#exit(line[1]);
      else if (line[0] === 'overlap') this.#overlap(`${line[1]} (token ${line[2]}) found ${line[3]} in it`);
      else if (line[0] === 'takeover') this.takeovers += 1;
      else if (line[0] === 'torn') this.#overlap(`${line[1]} read ${line[3]}, then ${line[4]}: somebody wrote`);
    }
  }

  /** How often it was entered and not left: its visitor was killed in it. */
  get unfinished(): number {
    return this.#lines.filter(([what]) => what === 'enter').length - this.cycles;
  }

  #enter(who: Life, token: number, ask: number, found: number, left: number | null): void {
    const stay = { token, ask, found, left };
    const alone = ask === this.#section.permits;
    // Who never left was killed in here; whether before we came only its marker could tell.
    const others = [...this.#inside.values()].filter((other) => other.left !== null);
    const taken = others.reduce((sum, other) => sum + other.ask, ask);
    const shut = others.length > 0 && (alone || others.some((other) => other.ask === this.#section.permits));
    if (taken > this.#section.permits || shut) this.#overlap(`${who} (token ${token}) entered beside ${others.length}`);
    if (this.#inside.get(who)?.left === null) this.#overlap(`${who} was not dead, and was taken for it`);
    this.#inside.set(who, stay);
    this.#checkToken(who, token, alone);
    if (alone) this.#checkCounter(who, stay);
  }

  #exit(who: Life): void {
    this.cycles += 1;
    this.#inside.delete(who);
  }

  /**
   * Tokens grow in the order of the grants. Of those that may be in together the order of the grants is not
   * known; one who is alone comes after all who were in before it.
   */
  #checkToken(who: Life, token: number, alone: boolean): void {
    const least = alone ? this.#highest : this.#highestAlone;
    if (token <= least || this.#tokens.has(token)) this.#overlap(`${who} has token ${token} after ${least}`);
    this.#tokens.add(token);
    this.#highest = Math.max(this.#highest, token);
    if (alone) this.#highestAlone = Math.max(this.#highestAlone, token);
  }

  /** Who was killed in here has written, or has not. */
  #checkCounter(who: Life, stay: Stay): void {
    const before = this.#lastAlone;
    this.#lastAlone = stay;
    const expected = before ? (before.left ?? before.found) : 0;
    const most = before && before.left === null ? before.found + 1 : expected;
    if (stay.found >= expected && stay.found <= most) return;
    this.lost += Math.max(1, expected - stay.found);
    this.#tell(`${who} (token ${stay.token}) found the counter at ${stay.found} instead of ${expected}`);
  }

  #overlap(what: string): void {
    this.overlaps += 1;
    this.#tell(what);
  }

  #tell(what: string): void {
    this.details.push(`${this.#section.name}: ${what}`);
  }
}

/** By the place of each `enter` that has an `exit`: what the counter was left at. */
function exitsOf(lines: readonly TraceLine[]): Map<number, number> {
  const exits = new Map<number, number>();
  const open = new Map<Life, number>();
  for (const [at, line] of lines.entries()) {
    if (line[0] === 'enter') open.set(line[1], at);
    if (line[0] !== 'exit') continue;
    const entered = open.get(line[1]);
    if (entered !== undefined) exits.set(entered, line[3]);
    open.delete(line[1]);
  }
  return exits;
}
