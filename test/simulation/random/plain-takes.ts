import type { Answer } from '../../../lib/line/outcome.ts';
import { Violation } from '../invariants.ts';

type Take = [id: string, n: number, left: number, sequence: number, at?: number];

interface Wire {
  sequence: number;
  trimmed: number;
  loaded: number;
  generation: string;
  log: Take[];
  kept: Take[];
  loads: Array<[id: string, n: number]>;
}

/** What a counter knows of takes, as its header has it; written anew here, so that it can tell on `lib/line/count.ts`. No run has so many that ids are forgotten. */
export class PlainTakes {
  readonly #wire: Wire;

  constructor(wire: unknown) {
    const empty = { sequence: 0, trimmed: 0, loaded: 0, generation: '', log: [], kept: [], loads: [] };
    this.#wire = structuredClone((wire ?? empty) as Wire);
  }

  get isLogging(): boolean {
    return this.#wire.log.length > 0;
  }

  header(): object {
    return this.#wire.sequence === 0 && this.#wire.generation === '' ? {} : { takes: this.#wire };
  }

  /** The answer, and the number then. */
  apply([verb, , at, ...rest]: readonly unknown[], value: number): [answer: Answer, value: number] {
    if (verb === 'take') return this.#take(at as number, rest, value);
    if (verb === 'load') return this.#load(rest, value);
    return [this.#trim(rest[0] as number), value];
  }

  #take(at: number, rest: readonly unknown[], value: number): [Answer, number] {
    const [n, floor, id, bound] = rest as [number, number, string | undefined, number | undefined];
    const earlier = [...this.#wire.log, ...this.#wire.kept].find(([one]) => one === id);
    if (earlier && earlier[1] !== n) return ['another number', value];
    if (earlier) return [{ left: earlier[2], sequence: earlier[3], isRepeat: true }, value];
    const left = value - n;
    if (left < floor) return ['sold out', value];
    if (bound !== undefined && this.#wire.log.length >= bound) return ['log full', value];
    const sequence = ++this.#wire.sequence;
    if (id !== undefined && bound !== undefined) this.#wire.log.push([id, n, left, sequence, at]);
    else if (id !== undefined) this.#wire.kept.push([id, n, left, sequence]);
    return [{ left, sequence, isRepeat: false }, left];
  }

  #load(rest: readonly unknown[], value: number): [Answer, number] {
    const [n, id, generation] = rest as [number, string, string];
    const earlier = this.#wire.loads.find(([one]) => one === id);
    if (earlier) return [earlier[1] === n ? value : 'another number', value];
    this.#wire.loads.push([id, n]);
    this.#wire.loaded += n;
    this.#wire.generation ||= generation;
    return [value + n, value + n];
  }

  #trim(upTo: number): number {
    const dropped = this.#wire.log.filter(([, , , sequence]) => sequence <= upTo);
    this.#wire.log = this.#wire.log.filter((one) => !dropped.includes(one));
    const kept = [...this.#wire.kept, ...dropped.map(([id, n, left, sequence]): Take => [id, n, left, sequence])];
    this.#wire.kept = kept.sort((one, other) => one[3] - other[3]);
    this.#wire.trimmed = Math.max(this.#wire.trimmed, Math.min(upTo, this.#wire.sequence));
    return dropped.length;
  }
}

/** What was answered to ids of one name, whoever asked: always the same, and no sequence twice. */
export class Answers {
  readonly #byId = new Map<string, string>();
  readonly #bySequence = new Map<number, string>();

  heard(id: string, n: number, answer: Answer): void {
    if (typeof answer !== 'object' || answer === null || !('left' in answer)) return;
    const { left, sequence } = answer;
    const is = JSON.stringify({ n, left, sequence });
    const was = this.#byId.get(id);
    if (was !== undefined && was !== is) throw new Violation(`the id ${id} was answered ${was}, and then ${is}`);
    const seller = this.#bySequence.get(sequence) ?? id;
    if (seller !== id) throw new Violation(`${id} and ${seller} have the same sequence ${sequence}`);
    this.#byId.set(id, is);
    this.#bySequence.set(sequence, id);
  }
}
