import { isTooMany } from '../markers.ts';
import type { Section } from '../scenery.ts';
import type { Verdict } from '../section-check.ts';
import { type Excuses, type Had, loserOf } from './excuses.ts';
import { FencedCounter, type RegisterLine } from './register.ts';

interface Stay extends Had {
  ask: number;
  /** The index of the line with which it ended; infinite for one that was killed inside. */
  endsAt: number;
  /** When it learned of its loss; null if it went out by itself. */
  lostMs: number | null;
}

/**
 * Judges what happened in a section whose holders may lose it. Two at once are wrong, unless the one with the smaller token could not
 * hear of its loss. What it still wrote then, the counter has refused: no write that was accepted is lost.
 */
export class FencedCheck implements Verdict {
  cycles = 0;
  overlaps = 0;
  lost = 0;
  takeovers = 0;
  readonly details: string[] = [];
  /** How many learned inside that they had lost it. */
  losses = 0;
  /** Writes with an outdated token. */
  refusedWrites = 0;
  /** The shortest time from a loss that was learned of to the next entry. */
  marginMs = Number.POSITIVE_INFINITY;
  /** Those that were still in when another one came, because they could not hear of their loss. */
  readonly #excused = new Set<Stay>();
  readonly #section: Section;
  readonly #excuses: Excuses;
  readonly #stays: Map<string, Stay>;
  readonly #counter = new FencedCounter();
  /** Those that are inside. */
  readonly #inside = new Set<Stay>();
  #lastLoss: Stay | null = null;
  readonly #tokens = new Set<number>();
  #highest = 0;
  #highestAlone = 0;

  constructor(section: Section, lines: readonly RegisterLine[], excuses: Excuses) {
    this.#section = section;
    this.#excuses = excuses;
    this.#stays = staysIn(lines);
    for (const line of lines) this.#apply(line);
  }

  get excused(): number {
    return this.#excused.size;
  }

  #apply(line: RegisterLine): void {
    const stay = this.#stays.get(`${line[1]} ${line[2]}`);
    const before = this.#counter.value;
    const isAccepted = this.#counter.apply(line);
    if (line[0] === 'takeover') this.takeovers += 1;
    if (line[0] === 'write' && !isAccepted) this.refusedWrites += 1;
    else if (line[0] === 'write' && line[3] !== before + 1) {
      this.lost += Math.max(1, before + 1 - line[3]);
      this.#tell(`${line[1]} (token ${line[2]}) counted to ${line[3]} after ${before}`);
    }
    if (!stay) return;
    if (line[0] === 'claim') this.#enter(stay);
    if (line[0] === 'beside')
      this.#beside(
        stay,
        line[4].map(([who, token]) => `${who} ${token}`),
      );
    if (line[0] === 'leave') this.cycles += 1;
    if (line[0] === 'lost') this.losses += 1;
    if (line[0] === 'leave' || line[0] === 'lost') this.#inside.delete(stay);
    if (line[0] === 'lost') this.#lastLoss = stay;
  }

  #enter(stay: Stay): void {
    this.#checkToken(stay);
    this.#measure(stay);
    // One that never went out was killed in here; only its marker could show whether that was before this entry.
    this.#meet(
      stay,
      [...this.#inside].filter(({ endsAt }) => endsAt !== Number.POSITIVE_INFINITY),
    );
    this.#inside.add(stay);
  }

  /** How long before this entry the one before learned of its loss, if nothing kept it from learning. */
  #measure({ fromMs }: Stay): void {
    const { who = '', fromMs: sinceMs = 0, lostMs = null } = this.#lastLoss ?? {};
    if (lostMs !== null && !this.#excuses.has(who, sinceMs, fromMs))
      this.marginMs = Math.min(this.marginMs, fromMs - lostMs);
    this.#lastLoss = null;
  }

  /** Those whose markers were there, without those that have noted their end meanwhile. */
  #beside(stay: Stay, keys: readonly string[]): void {
    const others = keys.map((key) => this.#stays.get(key)).filter((other) => other !== undefined);
    this.#meet(
      stay,
      others.filter((other) => this.#inside.has(other)),
    );
  }

  #meet(stay: Stay, others: readonly Stay[]): void {
    const { permits } = this.#section;
    const isOver = (met: readonly Stay[]) =>
      isTooMany(
        permits,
        stay.ask,
        met.map(({ ask }) => ask),
      );
    if (!isOver(others)) return;
    const rivals = others.filter((other) => !this.#excuses.cover(stay, other));
    if (!isOver(rivals)) {
      for (const other of others) this.#excused.add(loserOf(stay, other));
      return;
    }
    this.overlaps += 1;
    const beside = rivals.map(({ who, token }) => `${who} (token ${token})`).join(', ');
    this.#tell(`${stay.who} (token ${stay.token}) is in beside ${beside}`);
  }

  /** Tokens grow in the order of the grants; of those that may be in together that order is unknown. */
  #checkToken({ who, token, ask, fromMs }: Stay): void {
    const isAlone = ask === this.#section.permits;
    const least = isAlone ? this.#highest : this.#highestAlone;
    if (this.#tokens.has(token)) this.#overlap(`${who} has token ${token}, as one before`);
    // One that was stopped between its acquisition and its entry comes late.
    else if (token <= least && !this.#excuses.has(who, fromMs, fromMs))
      this.#overlap(`${who} has token ${token} after ${least}`);
    this.#tokens.add(token);
    this.#highest = Math.max(this.#highest, token);
    if (isAlone) this.#highestAlone = Math.max(this.#highestAlone, token);
  }

  #overlap(what: string): void {
    this.overlaps += 1;
    this.#tell(what);
  }

  #tell(what: string): void {
    this.details.push(`${this.#section.name}: ${what}`);
  }
}

function staysIn(lines: readonly RegisterLine[]): Map<string, Stay> {
  const stays = new Map<string, Stay>();
  for (const [at, line] of lines.entries()) {
    const [what, who, token] = line;
    const key = `${who} ${token}`;
    if (what === 'claim')
      stays.set(key, { who, token, ask: line[3], fromMs: line[4], endsAt: Number.POSITIVE_INFINITY, lostMs: null });
    const stay = stays.get(key);
    if (!stay || (what !== 'leave' && what !== 'lost')) continue;
    stay.endsAt = at;
    if (what === 'lost') stay.lostMs = line[3];
  }
  return stays;
}
