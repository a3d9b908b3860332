import type { Answer } from '../../../lib/line/outcome.ts';
import type { Call } from '../sim-call.ts';
import type { Scenario } from './scenario.ts';

/** What passes between a simulated process, which is a thread that stands still, and the run that lets it go on. */
export type Request = { told: Told[]; closed: number[] } & (
  | { call: RunCall }
  | { ended: true; failure: string | null }
);

export type Reply =
  | { do: 'start'; life: Life }
  /** The outcome of the call that it stands before. */
  | { do: 'goOn'; value: unknown; error: string }
  | { do: 'die' };

/** A call of a random run: also those on which nothing depends but when the others go on. */
export interface RunCall extends Omit<Call, 'op'> {
  readonly op: Call['op'] | 'sleep' | 'work' | 'touch' | 'fork';
}

export interface Life {
  readonly key: string;
  readonly pid: number;
  readonly start: number;
  readonly namespace: number;
  readonly wallMicros: number;
  readonly seed: number;
  readonly scenario: Scenario;
  /** It only looks whether all is as it should be at the end. */
  readonly isLast: boolean;
}

/** What a process says that it believes, in the order in which it comes to believe it. */
export type Told =
  | { it: 'arrives'; at: string }
  | { it: 'joined'; at: string; ticket: number; state: string }
  | { it: 'is refused'; at: string }
  | { it: 'holds'; at: string; ticket: number; token: number; ask: number }
  | { it: 'sees'; at: string; ticket: number; token: number; state: string }
  /** Of a queue: what it was given, as `[sequence, text, takes]`. */
  | { it: 'has taken'; at: string; ticket: number; item: string }
  /** Nobody else is there, and it has done all that there was. */
  | { it: 'has done all'; at: string }
  | { it: 'leaves'; at: string; ticket: number }
  | { it: 'has ended'; at: string; ticket: number; state: string }
  | { it: 'has passed'; at: string; ticket: number; place: number }
  | { it: 'has acted'; at: string; verb: string; by: number; outcome: Answer }
  | { it: 'has forgotten'; at: string; outcome: string }
  | { it: 'has read'; at: string; value: number }
  | { it: 'failed'; at: string; verb: string; code: string }
  /** Whoever its records let in or ended is poked by now. */
  | { it: 'is done'; at: string };

export const ENDLESS_MS = 1e12;

/** The words in the memory that both threads see: whose turn it is, and how long the text is that stands behind. */
export const TURN = 0;
export const LENGTH = 1;
export const TEXT_AT = 8;
export const MEMORY_BYTES = 2 ** 20;
export const RUNS_TURN = 0;
export const PROCESS_TURN = 1;

/** How often to look before falling asleep: a hand-over between two threads that are awake is quicker. */
const LOOKS = 400;

/** One end of the wire. Synchronous: who has not the turn stands still. */
export class Wire {
  readonly #words: Int32Array;
  readonly #text: Buffer;
  readonly #mine: number;

  constructor(memory: SharedArrayBuffer, mine: number) {
    this.#words = new Int32Array(memory);
    this.#text = Buffer.from(memory, TEXT_AT);
    this.#mine = mine;
  }

  say(message: Request | Reply): void {
    this.#words[LENGTH] = this.#text.write(JSON.stringify(message), 'utf8');
    Atomics.store(this.#words, TURN, this.#mine === RUNS_TURN ? PROCESS_TURN : RUNS_TURN);
    Atomics.notify(this.#words, TURN);
  }

  /** What the other said last. Null if it has said nothing within the time: it hangs. */
  hear(timeoutMs: number): unknown {
    for (let look = 0; look < LOOKS && Atomics.load(this.#words, TURN) !== this.#mine; look++);
    while (Atomics.load(this.#words, TURN) !== this.#mine) {
      const other = this.#mine === RUNS_TURN ? PROCESS_TURN : RUNS_TURN;
      if (Atomics.wait(this.#words, TURN, other, timeoutMs) === 'timed-out') return null;
    }
    return JSON.parse(this.#text.toString('utf8', 0, this.#words[LENGTH]));
  }
}
