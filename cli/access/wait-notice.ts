import type { LineView } from '../../lib/index.ts';
import { holdersIn } from '../../lib/internal.ts';
import type { WaitingArguments } from '../args/options.ts';
import { say } from '../output/exit.ts';
import { holdersWords, isHeldByUs } from './holder-words.ts';
import type { Target } from './target.ts';
import type { WaitProgress } from './wait-progress.ts';

/** A wait shorter than this is not reported. */
export const QUIET_MS = 300;

/** How a wait is reported. */
type Manner = Partial<Pick<WaitingArguments, 'quiet' | 'verbose'>>;

/**
 * Shows that a verb waits, if it does for long enough: at a terminal how the wait goes on, as far as that can be shown there; with
 * `--verbose` one message. All verbs that wait show it by this class.
 */
export class WaitNotice {
  readonly #awaited: () => Target;
  readonly #timer: NodeJS.Timeout | undefined;
  #isOver = false;
  #progress: WaitProgress | null = null;

  private constructor(awaited: () => Target, { quiet = false, verbose = false }: Manner) {
    this.#awaited = awaited;
    const announce = quiet ? null : process.stderr.isTTY ? this.#showProgress : verbose ? this.#sayOnce : null;
    // A store that cannot be read is reported by the wait itself.
    if (announce) this.#timer = setTimeout(() => void announce.call(this).catch(() => undefined), QUIET_MS);
  }

  /** @param awaited is called once it has something to show */
  static begin(awaited: () => Target, manner: Manner = {}): WaitNotice {
    return new WaitNotice(awaited, manner);
  }

  /** From now on nothing is shown. Idempotent. */
  end(): void {
    this.#isOver = true;
    clearTimeout(this.#timer);
    this.#progress?.end();
  }

  async #showProgress(): Promise<void> {
    const { WaitProgress } = await import('./wait-progress.ts');
    if (this.#isOver) return;
    this.#progress = WaitProgress.begin(this.#awaited());
    if (!this.#progress) await this.#sayOnce();
  }

  async #sayOnce(): Promise<void> {
    const { name, store, foreignWords = null } = this.#awaited();
    const line = await store.snapshot(name);
    const words = await onceWords(line, foreignWords);
    if (!this.#isOver && words !== '') say(`${name}: waiting; ${words}`);
  }
}

/** Describes a line for one message that will not be rewritten; empty if there is nothing to report. */
async function onceWords(line: LineView | null, foreign: string | null): Promise<string> {
  const holders = holdersIn(line);
  if (line && line.kind !== 'lock' && line.kind !== 'semaphore')
    return (await import('./gate-words.ts')).gateWords(line, Date.now());
  return line && isHeldByUs(line) ? holdersWords([], foreign) : holdersWords(holders, null);
}
