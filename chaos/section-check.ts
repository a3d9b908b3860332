import type { Life } from './life.ts';
import type { Section } from './scenery.ts';
import type { TraceLine } from './trace.ts';

export interface Verdict {
  cycles: number;
  overlaps: number;
  lost: number;
  /** Markers of dead processes that a successor found. */
  takeovers: number;
  /** Violations, one line each. */
  details: string[];
}

interface Stay {
  token: number;
  ask: number;
  /** The counter on entry, and on exit; null before the exit. */
  found: number;
  left: number | null;
}

/** Checks a section's trace for violations that no process could see at the time. */
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

  /** The number of visits without an exit: the visitor was killed inside. */
  get unfinished(): number {
    return this.#lines.filter(([what]) => what === 'enter').length - this.cycles;
  }

  #enter(who: Life, token: number, ask: number, found: number, left: number | null): void {
    const stay = { token, ask, found, left };
    const alone = ask === this.#section.permits;
    // A visitor that never left was killed in here; only its marker could show whether that was before this entry.
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
   * Tokens grow in the order of the grants. For visitors that may be in together the order of the grants is
   * unknown; an exclusive visitor comes after all earlier ones.
   */
  #checkToken(who: Life, token: number, alone: boolean): void {
    const least = alone ? this.#highest : this.#highestAlone;
    if (token <= least || this.#tokens.has(token)) this.#overlap(`${who} has token ${token} after ${least}`);
    this.#tokens.add(token);
    this.#highest = Math.max(this.#highest, token);
    if (alone) this.#highestAlone = Math.max(this.#highestAlone, token);
  }

  /** A visitor that was killed in here may have written the counter or not. */
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

/** The counter on exit, by the index of each `enter` that has an `exit`. */
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
