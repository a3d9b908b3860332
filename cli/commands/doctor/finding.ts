/**
 * - `ok`: it was checked, and is well.
 * - `note`: for information only.
 * - `warning`: it works, but may stop working, or not work as expected.
 * - `problem`: it does not work, or cannot be relied on.
 */
export type Level = 'ok' | 'note' | 'warning' | 'problem';

export interface Finding {
  /** Which check found it. */
  check: string;
  level: Level;
  what: string;
  /** The file, the resource, the process. */
  where: string;
  /** Why it matters. */
  why: string;
  /** The action to take. */
  remedy: string;
  /** Whether `--fix` has repaired it. */
  fixed: boolean;
}

type Words = Pick<Finding, 'what'> & Partial<Pick<Finding, 'where' | 'why' | 'remedy' | 'fixed'>>;

/** The findings of one check. */
export class Findings {
  readonly list: Finding[] = [];
  readonly #check: string;

  constructor(check: string) {
    this.#check = check;
  }

  ok(what: string, where = ''): void {
    this.#add('ok', { what, where });
  }

  note(words: Words): void {
    this.#add('note', words);
  }

  warning(words: Words): void {
    this.#add('warning', words);
  }

  problem(words: Words): void {
    this.#add('problem', words);
  }

  /** Whether all findings are `ok`. */
  get isCalm(): boolean {
    return this.list.every(({ level }) => level === 'ok');
  }

  #add(level: Level, { what, where = '', why = '', remedy = '', fixed = false }: Words): void {
    this.list.push({ check: this.#check, level, what, where, why, remedy, fixed });
  }
}
