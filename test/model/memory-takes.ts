import type { CountAction } from '../../lib/line/action.ts';
import type { Answer } from '../../lib/line/outcome.ts';
import type { TakesRange, TakesView } from '../../lib/store/takes-view.ts';

interface ModelTake {
  id: string | null;
  n: number;
  left: number;
  sequence: number;
  at: number;
  isLogged: boolean;
}

/**
 * The reference model of what a counter knows of takes: a list of all that ever were, and every answer looked up in it. It forgets
 * no id. It shares no code with `lib/line/count.ts`.
 */
export class MemoryTakes {
  #all: ModelTake[] = [];
  readonly #loads = new Map<string, number>();
  #loaded = 0;
  #trimmedTo = 0;
  #generation: string | null = null;

  /** The answer, and the number then. */
  act(action: CountAction, value: number, at: number): [answer: Answer, value: number] {
    if (action.do === 'take') return this.#take(action, value, at);
    if (action.do === 'load') return this.#load(action, value);
    if (action.do === 'trim') return [this.#trim(action.upTo), value];
    return this.#rebuild(action, value);
  }

  view(value: number, { after, limit }: TakesRange): TakesView {
    const logged = this.#logged;
    const takes = logged
      .filter(({ sequence }) => sequence > after)
      .slice(0, limit)
      .map(({ id, n, left, sequence, at }) => ({ id: id ?? '', n, left, sequence, at }));
    const [loaded, trimmedTo, generation] = [this.#loaded, this.#trimmedTo, this.#generation];
    return { left: value, loaded, sequence: this.#last, trimmedTo, logged: logged.length, generation, takes };
  }

  get isPlain(): boolean {
    return this.#all.length === 0 && this.#generation === null;
  }

  get isLogging(): boolean {
    return this.#logged.length > 0;
  }

  get #logged(): ModelTake[] {
    return this.#all.filter(({ isLogged }) => isLogged);
  }

  get #last(): number {
    return this.#all.at(-1)?.sequence ?? 0;
  }

  #take({ id, n, floor, bound }: CountAction & { do: 'take' }, value: number, at: number): [Answer, number] {
    const earlier = this.#all.find((one) => id !== null && one.id === id);
    if (earlier && earlier.n !== n) return ['another number', value];
    if (earlier) return [{ left: earlier.left, sequence: earlier.sequence, isRepeat: true }, value];
    const left = BigInt(value) - BigInt(n);
    if (left < BigInt(floor) || left < -BigInt(Number.MAX_SAFE_INTEGER)) return ['sold out', value];
    if (bound !== null && this.#logged.length >= bound) return ['log full', value];
    const one = { id, n, left: Number(left), sequence: this.#last + 1, at, isLogged: bound !== null };
    this.#all.push(one);
    return [{ left: one.left, sequence: one.sequence, isRepeat: false }, one.left];
  }

  #load({ n, id, generation }: CountAction & { do: 'load' }, value: number): [Answer, number] {
    const earlier = this.#loads.get(id);
    if (earlier !== undefined) return [earlier === n ? value : 'another number', value];
    const most = BigInt(Number.MAX_SAFE_INTEGER);
    if (BigInt(value) + BigInt(n) > most || BigInt(this.#loaded) + BigInt(n) > most) return [null, value];
    this.#loads.set(id, n);
    this.#loaded += n;
    this.#generation ??= generation;
    return [value + n, value + n];
  }

  #trim(upTo: number): number {
    const dropped = this.#logged.filter(({ sequence }) => sequence <= upTo);
    for (const one of dropped) one.isLogged = false;
    if (upTo > this.#trimmedTo) this.#trimmedTo = Math.max(this.#trimmedTo, Math.min(upTo, this.#last));
    return dropped.length;
  }

  #rebuild(action: CountAction & { do: 'rebuild' }, value: number): [Answer, number] {
    const { left, loaded, sequence, generation } = action;
    if (generation === this.#generation) return [value, value];
    if (this.#last > sequence || this.isLogging) return ['ahead', value];
    // Its own takes stay known by their ids, and keep their numbers.
    [this.#loaded, this.#trimmedTo, this.#generation] = [loaded, sequence, generation];
    this.#all.push({ id: null, n: 0, left, sequence, at: 0, isLogged: false });
    return [left, left];
  }
}
