import { dataLost, nothingLoaded } from './back-rules.ts';
import type { HotSide, HotStatus, LoggedSale, Sale, TakeOptions } from './hot-side.ts';

/**
 * Notices that a hot side, which does not notice it by itself, has lost its data: to a journal, a store that was deleted is one in
 * which nothing was ever loaded. So it looks at the generation where an answer cannot be: before the first take, at "sold out", and
 * when sequences turn back.
 */
export class WatchedHotSide implements HotSide {
  readonly #name: string;
  readonly #side: HotSide;
  #generation: string | null = null;
  /** The sequence of the last sale that this process got. */
  #sequence = 0;

  constructor(name: string, side: HotSide) {
    this.#name = name;
    this.#side = side;
  }

  get place(): string {
    return this.#side.place;
  }

  load(n: number, id: string, signal?: AbortSignal): Promise<number> {
    return this.#side.load(n, id, signal);
  }

  async take(n: number, id: string, options: TakeOptions): Promise<Sale | null> {
    if (this.#generation === null) await this.#look();
    const sale = await this.#side.take(n, id, options);
    if (sale === null || sale.sequence < this.#sequence) await this.#look();
    this.#sequence = Math.max(this.#sequence, sale?.sequence ?? 0);
    return sale;
  }

  sales(after: number, limit: number): Promise<LoggedSale[]> {
    return this.#side.sales(after, limit);
  }

  trim(upTo: number): Promise<void> {
    return this.#side.trim(upTo);
  }

  status(signal?: AbortSignal): Promise<HotStatus> {
    return this.#side.status(signal);
  }

  async rebuild(state: { left: number; loaded: number; sequence: number; previous?: string }): Promise<void> {
    await this.#side.rebuild(state);
  }

  close(): Promise<void> {
    return this.#side.close();
  }

  /** A generation that this process does not know is a rebuilt one if it goes on where the old one was. */
  async #look(): Promise<void> {
    // A sale that it gets while it looks may be newer than the status that it reads.
    const told = this.#sequence;
    const { generation, lastSequence } = await this.#side.status();
    if (generation === null && this.#generation === null) throw nothingLoaded(this.#name, this.place);
    if (generation === null || lastSequence < told)
      throw dataLost(this.#name, this.place, `its last sale is ${lastSequence}, and this process was told of ${told}`);
    this.#generation = generation;
  }
}
