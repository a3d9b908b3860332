import { nowMs, ownLife } from '../life.ts';
import { isTooMany, Markers } from '../markers.ts';
import type { Section } from '../scenery.ts';
import { type Neighbour, Register } from './register.ts';

/** What a visitor has: a lease, or what looks like one. */
export interface Pass {
  readonly token: number;
  readonly held?: boolean;
  readonly signal?: AbortSignal;
}

/**
 * Detects violations from inside one section whose holders may lose it, in two ways that are independent of Lockstep: a marker for
 * each visitor, and a counter that checks tokens. What they say is judged afterwards, when it is known who was stopped at the time.
 */
export class FencedWitness {
  readonly #section: Section;
  readonly #markers: Markers;
  readonly #register: Register;
  readonly #self = ownLife();

  constructor(directory: string, section: Section) {
    this.#section = section;
    this.#markers = new Markers(directory);
    this.#register = new Register(directory);
  }

  /** Comes in. Returns what goes out: to be called last, right before the release. */
  enter(pass: Pass, ask: number): () => void {
    const { token } = pass;
    this.#register.note(['claim', this.#self, token, ask, nowMs()]);
    const found = this.#register.read();
    const marker = this.#markers.place(ask, token);
    this.#lookAround(marker, token, ask);
    let isOver = false;
    const end = (what: 'leave' | 'lost') => {
      if (isOver) return;
      isOver = true;
      this.#register.note([what, this.#self, token, nowMs()]);
      this.#markers.remove(marker);
    };
    const onLoss = () => end('lost');
    pass.signal?.addEventListener('abort', onLoss);
    return () => {
      pass.signal?.removeEventListener('abort', onLoss);
      if (isOver) return;
      // A process that was stopped past its lease finds out here, before its timers run.
      if (pass.held === false) return onLoss();
      if (ask === this.#section.permits) this.#register.note(['write', this.#self, token, found + 1]);
      end('leave');
    };
  }

  /** For a process that is about to die of a signal: it leaves no marker from now on. */
  vanish(): void {
    this.#markers.vanish();
  }

  #lookAround(own: string, token: number, ask: number): void {
    const others = this.#markers.beside(own, (owner) => this.#register.note(['takeover', this.#self, token, owner]));
    const asks = others.map((other) => other.ask);
    if (!isTooMany(this.#section.permits, ask, asks)) return;
    const neighbours = others.map(({ owner, token: itsToken, ask: theirs }): Neighbour => [owner, itsToken, theirs]);
    this.#register.note(['beside', this.#self, token, ask, neighbours]);
  }
}
