import { wrapped } from '../../text/wrapped.ts';
import type { TopActions, TopDeed } from './actions.ts';
import type { Chosen } from './frame.ts';

const ABOUT =
  'lockstep top shows each resource in use, the most contended first: its holders, its waiters, and which processes each of them waits for. Below are the jobs, those that are not well first.';

const KEYS: ReadonlyArray<readonly [keys: string, does: string]> = [
  ['Tab, Shift-Tab', 'select the next entry, or the one before; Esc: none'],
  ['B', 'break: take the resource away from the selected entry. No process is killed; asks first'],
  ['E', 'end: send SIGTERM to the process of the selected entry, as `kill` does; asks first'],
  ['j k, the arrows', 'scroll by a row; PgUp and PgDn by a screen; g and G to the top and the bottom'],
  ['p', 'pause, and continue'],
  ['?', 'this help'],
  ['q, Ctrl-C', 'quit'],
];

const STATES =
  'A state is stale if its process is gone, and deadlock if it waits for itself in a circle. `lockstep help top` says more.';

const INDENT = 21;

/** The help, for a screen of so many columns. */
export function helpLines(columns: number): string[] {
  const keys = KEYS.flatMap(([name, does]) =>
    wrapped(does, columns - INDENT).map((line, at) => `  ${at === 0 ? name : ''}`.padEnd(INDENT) + line),
  );
  return [...wrapped(ABOUT, columns), '', ...keys, '', ...wrapped(STATES, columns)];
}

const QUESTIONS: Record<TopDeed, string> = { break: 'Break', end: 'End' };

export interface KeysOptions {
  actions: TopActions;
  /** Called when an answer is there: what is shown has changed. */
  onChange: () => void;
}

/** The keys that select an entry, and act on it after a question. */
export class TopKeys {
  readonly #options: KeysOptions;
  #entries: readonly Chosen[] = [];
  #selected: string | null = null;
  #asked: { deed: TopDeed; chosen: Chosen } | null = null;
  #message = '';
  isHelp = false;

  constructor(options: KeysOptions) {
    this.#options = options;
  }

  /** Handles a key. Returns whether it is known here. */
  press(key: string): boolean {
    this.#message = '';
    if (this.#asked) return this.#answer(key);
    if (this.isHelp || key === '?') {
      const isQuit = key === 'q' || key.startsWith('ctrl-');
      this.isHelp = !this.isHelp && !isQuit;
      return !isQuit || key === 'q';
    }
    if (key === 'tab' || key === 'backtab') this.#select(key === 'tab' ? 1 : -1);
    else if (key === 'escape') this.#selected = null;
    else if (key === 'B') this.#ask('break');
    else if (key === 'E') this.#ask('end');
    else return false;
    return true;
  }

  /** Takes over what is on the screen: an entry that is gone is not selected any more. */
  see(entries: readonly Chosen[]): void {
    this.#entries = entries;
    if (!this.#chosen) this.#selected = null;
    if (this.#asked && this.#selected === null) this.#asked = null;
  }

  get selected(): string | null {
    return this.#selected;
  }

  /** The question or the answer for the last line; null: the keys are shown there. */
  get line(): string | null {
    if (this.#asked) {
      const { deed, chosen } = this.#asked;
      // The keys first: a screen may be too narrow for the rest.
      return `${QUESTIONS[deed]}? y: yes, any other key: no – ${this.#options.actions.describe(deed, chosen)}`;
    }
    if (this.#message !== '') return this.#message;
    return this.#selected === null ? null : 'B break  E end  Tab next  Esc none  ? help  q quit';
  }

  /** Whether the last line has a question, which is not to be overlooked. */
  get isAsking(): boolean {
    return this.#asked !== null;
  }

  get #chosen(): Chosen | undefined {
    return this.#entries.find(({ key }) => key === this.#selected);
  }

  #select(step: 1 | -1): void {
    const at = this.#entries.findIndex(({ key }) => key === this.#selected);
    const next = at === -1 ? (step === 1 ? 0 : this.#entries.length - 1) : at + step;
    this.#selected = this.#entries[(next + this.#entries.length) % this.#entries.length]?.key ?? null;
  }

  #ask(deed: TopDeed): void {
    const chosen = this.#chosen;
    if (chosen) this.#asked = { deed, chosen };
    else this.#message = 'Select an entry with Tab first';
  }

  #answer(key: string): boolean {
    const asked = this.#asked;
    this.#asked = null;
    if (key.startsWith('ctrl-')) return false;
    if (!asked || key !== 'y') return true;
    void this.#options.actions.act(asked.deed, asked.chosen).then((message) => {
      this.#message = message;
      this.#options.onChange();
    });
    return true;
  }
}
