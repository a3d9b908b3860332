import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Action } from '../../lib/line/action.ts';
import type { Config } from '../../lib/line/config.ts';
import type { Kept } from '../../lib/line/entry.ts';
import type { EntryView, LineView, OwnEntry, Store } from '../../lib/store/store.ts';
import type { TakesView } from '../../lib/store/takes-view.ts';
import { countActions } from '../model/count-actions.ts';
import { putActions } from '../model/put-actions.ts';
import { openMemory, type Parties } from './parties.ts';

/** One name of each kind, so that a few steps meet often. */
const CONFIGS: Record<string, Config> = {
  door: { kind: 'lock', permits: 1 },
  room: { kind: 'semaphore', permits: 3 },
  bell: { kind: 'event', permits: 1 },
  queue: { kind: 'condition', permits: 1 },
  start: { kind: 'barrier', permits: 3 },
  score: { kind: 'counter', permits: 1 },
  todo: { kind: 'queue', permits: 1 },
};
const NAMES = Object.keys(CONFIGS);
const MOST = Number.MAX_SAFE_INTEGER;
/** More than the usual, for a long look: RUNS=1000 npx vitest run test/contract/model.test.ts */
const RUNS = process.env.RUNS === undefined ? null : Number(process.env.RUNS);
/** A hang guard. */
const USUAL_MS = 60_000;

type Step =
  | { do: 'join'; party: number; name: string; ask: number; how: 'enter' | 'try' | 'steal' }
  | { do: 'leave'; party: number; place: number }
  | { do: 'done'; party: number; place: number }
  | { do: 'adopt'; party: number; place: number; handOver: boolean }
  | { do: 'keep'; party: number; place: number; held: number; waits: number }
  | { do: 'evict'; party: number; name: string; place: number }
  | { do: 'act'; party: number; name: string; action: Action }
  | { do: 'disagree'; party: number; name: string }
  | { do: 'forget'; party: number; name: string }
  | { do: 'kill'; party: number };

const party = fc.nat(2);
const place = fc.nat(5);
const name = fc.constantFrom(...NAMES.filter((one) => one !== 'score'));
const action: fc.Arbitrary<Action> = fc.oneof(
  fc.constantFrom<Action>({ do: 'set' }, { do: 'clear' }, { do: 'abort' }, { do: 'reset' }, { do: 'reset' }),
  fc.record({ do: fc.constant('notify' as const), count: fc.constantFrom(0, 1, 1, 2, MOST) }),
  fc.record({ do: fc.constant('add' as const), by: fc.constantFrom(1, -1, 7, MOST, -MOST) }),
  countActions,
  countActions,
  putActions,
  putActions,
);
/** Mostly to the name that it is for. */
const NAME_FOR: Record<Action['do'], string> = {
  set: 'bell',
  clear: 'bell',
  notify: 'queue',
  abort: 'start',
  reset: 'start',
  sweep: 'start',
  add: 'score',
  take: 'score',
  load: 'score',
  trim: 'score',
  rebuild: 'score',
  put: 'todo',
};

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({
      do: fc.constant('join' as const),
      party,
      name,
      ask: fc.nat(3),
      how: fc.constantFrom('enter' as const, 'enter' as const, 'try' as const, 'steal' as const),
    }),
  },
  { weight: 8, arbitrary: fc.record({ do: fc.constant('leave' as const), party, place }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('done' as const), party, place }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('adopt' as const), party, place, handOver: fc.boolean() }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('keep' as const), party, place, held: fc.nat(3), waits: fc.nat(2) }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('evict' as const), party, name, place }) },
  {
    weight: 6,
    arbitrary: fc.tuple(party, action, fc.nat(9), fc.constantFrom(...NAMES)).map(
      ([who, what, luck, any]): Step => ({
        do: 'act',
        party: who,
        action: what,
        name: luck === 0 ? any : NAME_FOR[what.do],
      }),
    ),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('disagree' as const), party, name }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('forget' as const), party, name: fc.constantFrom(...NAMES) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('kill' as const), party }) },
);

/** The same entry in both stores. */
interface Twins {
  party: number;
  name: string;
  model: OwnEntry;
  real: OwnEntry;
}

/** Takes the same steps with the model and the real store, and compares what can be seen of them after each. */
class Comparison {
  readonly #parties: Array<{ model: Store; real: Store; alive: boolean }>;
  readonly #model: Parties;
  readonly #real: Parties;
  readonly #twins: Twins[] = [];
  /** Every number that a line was seen to give, as the model has it and as the real store does. */
  readonly #numbers = new Map<string, Map<number, number>>(NAMES.map((one) => [one, new Map([[0, 0]])]));
  readonly #knowsReasons: boolean;
  readonly #evictsTogether: boolean;

  constructor(model: Parties, real: Parties, { knowsReasons, evictsTogether = false }: ModelTraits) {
    this.#model = model;
    this.#real = real;
    this.#knowsReasons = knowsReasons;
    this.#evictsTogether = evictsTogether;
    this.#parties = (['one', 'other', 'third'] as const).map((who) => ({
      model: model[who],
      real: real[who],
      alive: true,
    }));
  }

  async take(next: Step): Promise<void> {
    const { model, real, alive } = this.#at(next.party);
    if (!alive) return;
    if (next.do === 'kill') this.#kill(next.party);
    else if (next.do === 'join') await this.#join(next);
    else if (next.do === 'disagree') await this.#disagree(next);
    else if (next.do === 'forget') expect(await real.forget(next.name)).toBe(await model.forget(next.name));
    else if (next.do === 'act') {
      const call = (store: Store) => store.act(next.name, CONFIGS[next.name] as Config, next.action);
      expect(await call(real)).toEqual(await call(model));
    } else if (next.do === 'evict') await this.#evict(next);
    else await this.#own(next);
    await this.#compare();
  }

  #at(number: number): { model: Store; real: Store; alive: boolean } {
    return this.#parties[number] as { model: Store; real: Store; alive: boolean };
  }

  #kill(number: number): void {
    if (this.#parties.filter(({ alive }) => alive).length === 1) return;
    const party = this.#at(number);
    party.alive = false;
    this.#model.kill(party.model);
    this.#real.kill(party.real);
  }

  async #join({ party: number, name: to, ask: any, how }: Step & { do: 'join' }): Promise<void> {
    const config = CONFIGS[to] as Config;
    const ask = config.kind === 'lock' ? any % 2 : config.kind === 'semaphore' ? Math.max(any, 1) : 1;
    const steal = how === 'steal' && config.kind === 'lock';
    const request = { ask: steal ? 1 : ask, label: `${number} asks ${ask}`, onlyIfGranted: how === 'try', steal };
    const { model, real } = this.#at(number);
    const twins = {
      party: number,
      name: to,
      model: await model.join(to, config, request),
      real: await real.join(to, config, request),
    };
    this.#twins.push(twins);
    expect(twins.real.waitingBefore).toBe(twins.model.waitingBefore);
    // As it was returned, before anybody brings it up to date.
    expect(twins.real.state).toBe(twins.model.state);
  }

  async #disagree({ party: number, name: to }: Step & { do: 'disagree' }): Promise<void> {
    const { model, real } = this.#at(number);
    const messages = [];
    for (const store of [model, real]) {
      if (!(await store.snapshot(to))) return;
      const join = async () =>
        store.join(to, { kind: 'semaphore', permits: 9 }, { ask: 1, label: '', onlyIfGranted: false });
      messages.push(
        await join().then(
          () => '',
          (error: Error) => `${error.name}: ${error.message}`,
        ),
      );
    }
    expect(messages[0]).toMatch(/^ConfigMismatchError/);
    expect(messages[1]).toBe(messages[0]);
  }

  async #evict({ party: number, name: of, place: at }: Step & { do: 'evict' }): Promise<void> {
    const { model, real } = this.#at(number);
    const why = { reason: 'broken', by: 'somebody' };
    const ticketIn = async (store: Store) => (await store.snapshot(of))?.entries[at]?.ticket ?? 5;
    const expected = await model.evict(of, await ticketIn(model), why);
    expect(await real.evict(of, await ticketIn(real), why)).toBe(expected);
  }

  async #own(next: Step & { do: 'leave' | 'done' | 'adopt' | 'keep' }): Promise<void> {
    const { model, real } = this.#at(next.party);
    // The newest first, so that a place often means one that is still in line.
    const mine = this.#twins.filter((one) => one.party === next.party && one.model.ticket > 0).reverse();
    const twins = mine[next.place];
    if (!twins) return;
    if (next.do === 'leave') {
      await model.leave(twins.model);
      await real.leave(twins.real);
    } else if (next.do === 'done') {
      if (twins.name !== 'todo') return;
      await model.done(twins.model);
      await real.done(twins.real);
    } else if (next.do === 'adopt') {
      const { handOver } = next;
      expect(await real.adopt(twins.real, process.pid, { handOver })).toBe(
        await model.adopt(twins.model, process.pid, { handOver }),
      );
    } else {
      const keptIn = (which: 'model' | 'real'): Kept[] =>
        mine.slice(0, next.held).map((one) => ({ name: one.name, ticket: one[which].ticket }));
      await model.keep(twins.model, { held: keptIn('model'), waits: next.waits });
      await real.keep(twins.real, { held: keptIn('real'), waits: next.waits });
    }
  }

  async #compare(): Promise<void> {
    for (const { model, real, alive } of this.#parties) {
      if (!alive) continue;
      expect(await real.names()).toEqual(await model.names());
      for (const one of NAMES) this.#compareLines(await model.snapshot(one), await real.snapshot(one));
      expect(timeless(await real.takes('score', ALL))).toEqual(timeless(await model.takes('score', ALL)));
    }
    for (const twins of this.#twins) if (this.#at(twins.party).alive) await this.#compareTwins(twins);
    for (const { model, real, alive } of this.#parties) if (alive) this.#compareHeld(model, real);
    this.#compareNumbers();
  }

  #compareLines(model: LineView | null, real: LineView | null): void {
    expect(real && lineFacts(real)).toEqual(model && lineFacts(model));
    for (const [at, entry] of (model?.entries ?? []).entries()) {
      const twin = real?.entries[at] as EntryView;
      this.#same(model?.name ?? '', entry.ticket, twin.ticket);
      this.#same(model?.name ?? '', entry.token, twin.token);
      for (const [index, kept] of entry.keeps.held.entries())
        this.#same(kept.name, kept.ticket, twin.keeps.held[index]?.ticket ?? -1);
    }
  }

  async #compareTwins({ party: number, name: of, model, real }: Twins): Promise<void> {
    await this.#at(number).real.refresh(real);
    expect(real.state).toBe(model.state);
    if (real.state === 'holding') await this.#compareItems(number, model, real);
    expect(real.eviction !== null).toBe(model.eviction !== null);
    if (this.#knowsReasons) expect(real.eviction?.reason).toBe(model.eviction?.reason);
    this.#same(of, model.ticket, real.ticket);
    this.#same(of, model.token, real.token);
  }

  async #compareItems(number: number, model: OwnEntry, real: OwnEntry): Promise<void> {
    const stores = this.#at(number);
    const [expected, item] = [await stores.model.itemOf(model), await stores.real.itemOf(real)];
    if (this.#evictsTogether && item && expected) {
      expect(item).toEqual({ ...expected, takes: item.takes });
      expect(item.takes).toBeLessThanOrEqual(expected.takes);
    } else expect(item).toEqual(expected);
  }

  #compareHeld(model: Store, real: Store): void {
    const expected = model.held();
    expect(real.held().map((entry) => entry.name)).toEqual(expected.map((entry) => entry.name));
    for (const [at, entry] of real.held().entries()) {
      const twin = expected[at] as OwnEntry;
      this.#same(entry.name, twin.ticket, entry.ticket);
    }
  }

  #same(of: string, model: number, real: number): void {
    const numbers = this.#numbers.get(of) as Map<number, number>;
    expect(real).toBe(numbers.get(model) ?? real);
    numbers.set(model, real);
  }

  /** The clocks differ, so the numbers do; but greater is greater. */
  #compareNumbers(): void {
    for (const numbers of this.#numbers.values()) {
      const real = [...numbers].sort(([a], [b]) => a - b).map(([, number]) => number);
      expect(real).toEqual([...new Set(real)].sort((a, b) => a - b));
    }
  }
}

const ALL = { after: 0, limit: 1_000 };

/** The clocks differ. */
function timeless(view: TakesView | null): unknown {
  return view && { ...view, takes: view.takes.map((one) => ({ ...one, at: 0 })) };
}

function lineFacts({ name: of, kind, permits, value, entries }: LineView): unknown {
  return { of, kind, permits, value, entries: entries.map(entryFacts) };
}

function entryFacts({ state, token, ask, label, ours, stale, keeps, owners }: EntryView): unknown {
  const held = keeps.held.map((kept) => kept.name);
  return [
    state,
    token > 0,
    ask,
    label,
    ours,
    stale,
    held,
    keeps.waits,
    owners.map(({ gone, place: at }) => [gone, at]),
  ];
}

/** How a store is compared with the reference model. */
export interface ModelTraits {
  /** How many lists of steps are tried. */
  numRuns: number;
  /** Whether an entry that was ended always learns why. */
  knowsReasons: boolean;
  /** Whether the dead are evicted together: else what one of them had taken is given to the next, who is dead, too, and counts one take more. */
  evictsTogether?: boolean;
}

/** Whatever is done with a store: it must show after every step what the reference model shows. */
export function testModel(open: () => Parties, traits: ModelTraits): void {
  const agrees = async (steps: readonly Step[]) => {
    const [model, real] = [openMemory(), open()];
    try {
      const comparison = new Comparison(model, real, traits);
      for (const next of steps) await comparison.take(next);
    } finally {
      await real.close();
    }
  };
  test(
    'shows after every step what the reference model shows',
    async () => {
      const steps = fc.array(step, { minLength: 1, maxLength: 60, size: 'max' });
      await fc.assert(fc.asyncProperty(steps, agrees), { numRuns: RUNS ?? traits.numRuns });
    },
    RUNS === null ? USUAL_MS : 3_600_000,
  );
}
