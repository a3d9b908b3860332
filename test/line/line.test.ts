import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { JournalRecord } from '../../lib/journal/record.ts';
import { type Config, emptyHeader } from '../../lib/line/config.ts';
import type { Entry } from '../../lib/line/entry.ts';
import { Line } from '../../lib/line/line.ts';
import { NO_OBSERVER } from '../../lib/line/observer.ts';
import type { WireFacts } from '../../lib/session/facts.ts';

const FACTS: WireFacts = [42, 42, 1000, 'boot', 4026531836, 'web1'];

/** The rule in the plainest words: you hold when you and all before you fit into the permits. */
class NaiveLine {
  readonly #permits: number;
  entries: Array<{ ticket: number; ask: number; owners: number }> = [];
  #last = 0;

  constructor(permits: number) {
    this.#permits = permits;
  }

  holders(): number[] {
    return this.entries.filter((_, place) => this.#fits(this.entries.slice(0, place + 1))).map(({ ticket }) => ticket);
  }

  enter(ask: number, at: number, onlyIfGranted: boolean): void {
    const entry = { ticket: Math.max(this.#last + 1, at), ask, owners: 1 };
    if (onlyIfGranted && !this.#fits([...this.entries, entry])) return;
    this.#last = entry.ticket;
    this.entries.push(entry);
  }

  end(ticket: number): void {
    this.entries = this.entries.filter((entry) => entry.ticket !== ticket);
  }

  find(ticket: number): { ticket: number; ask: number; owners: number } | undefined {
    return this.entries.find((entry) => entry.ticket === ticket);
  }

  #fits(entries: Array<{ ask: number }>): boolean {
    // A shared entry of a lock takes a part of the one permit so small that many fit.
    return entries.reduce((sum, { ask }) => sum + (ask === 0 ? 2 ** -20 : ask), 0) <= this.#permits;
  }
}

type Step =
  | { do: 'enter' | 'try'; ask: number; at: number }
  | { do: 'leave'; place: number }
  | { do: 'evict'; place: number; owners: number }
  | { do: 'adopt'; place: number }
  | { do: 'garbage'; record: unknown[] };

const place = fc.nat(6);
// Clocks that stand still, run backward, and leap.
const at = fc.oneof(fc.nat(20), fc.integer({ min: 1.7e15, max: 1.7e15 + 5 }), fc.constantFrom(0, 9e15));
// What the epoch lets through: a record's first two items are strings.
const notARecord = fc.oneof(
  fc
    .tuple(fc.string(), fc.string({ minLength: 1 }), fc.array(fc.jsonValue(), { maxLength: 5 }))
    .map(([verb, id, rest]): unknown[] => [verb, id, ...rest]),
  fc.tuple(fc.constantFrom('enter', 'try'), fc.constant('k:1'), fc.constant(FACTS), fc.constantFrom(-1, 1.5, 1e9, '1')),
  fc.tuple(fc.constantFrom('enter', 'try'), fc.constant('k:1'), fc.jsonValue(), fc.constant(1), fc.constant(1)),
  fc.tuple(fc.constant('enter'), fc.constant('k:1'), fc.constant(FACTS), fc.constant(1), fc.constant(9.1e15)),
  fc.tuple(fc.constantFrom('leave', 'evict', 'adopt'), fc.constant('k:1'), fc.constantFrom(-1, 'x', null, 1e20, {})),
  fc.tuple(fc.constantFrom('split', 'seal?', '', 'ENTER'), fc.constant('k:1'), fc.nat()),
);

function steps(config: Config): fc.Arbitrary<Step[]> {
  const ask = config.kind === 'lock' ? fc.constantFrom(0, 1) : fc.integer({ min: 1, max: config.permits });
  const step: fc.Arbitrary<Step> = fc.oneof(
    { weight: 5, arbitrary: fc.record({ do: fc.constantFrom('enter', 'try'), ask, at }) },
    { weight: 3, arbitrary: fc.record({ do: fc.constant('leave'), place }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('evict'), place, owners: fc.nat(3) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('adopt'), place }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('garbage'), record: notARecord }) },
  );
  return fc.array(step, { maxLength: 60 });
}

const scripts = fc
  .oneof(
    fc.constant<Config>({ kind: 'lock', permits: 1 }),
    fc.integer({ min: 1, max: 5 }).map((permits): Config => ({ kind: 'semaphore', permits })),
  )
  .chain((config) => fc.tuple(fc.constant(config), steps(config)));

/** Turns steps into records, with the naive line beside it; `see` looks after every record. */
function play(config: Config, script: Step[], see: (record: JournalRecord, naive: NaiveLine) => void): NaiveLine {
  const naive = new NaiveLine(config.permits);
  for (const [index, step] of script.entries()) see(recordOf(step, `key${index}:1`, naive), naive);
  return naive;
}

function recordOf(step: Step, id: string, naive: NaiveLine): JournalRecord {
  if (step.do === 'garbage') return step.record as unknown as JournalRecord;
  if ('ask' in step) {
    naive.enter(step.ask, step.at, step.do === 'try');
    return [step.do, id, FACTS, step.ask, step.at, 'label'];
  }
  const entry = naive.entries[step.place];
  // A ticket that nobody has.
  const ticket = entry?.ticket ?? 8e15 + 1;
  if (step.do === 'adopt') {
    if (entry) entry.owners += 1;
    return ['adopt', id, ticket, 0, `child-${id}`, FACTS];
  }
  if (step.do === 'leave') {
    naive.end(ticket);
    return ['leave', id, ticket, 0];
  }
  if (step.owners === 0 || step.owners === entry?.owners) naive.end(ticket);
  return ['evict', id, ticket, 0, step.owners, 'gone', 'somebody'];
}

function recordsOf(config: Config, script: Step[]): JournalRecord[] {
  const records: JournalRecord[] = [];
  play(config, script, (record) => records.push(record));
  return records;
}

function emptyLine(config: Config, observer = NO_OBSERVER): Line {
  return new Line(emptyHeader('deploy', config), observer);
}

function entriesOf(line: Line): Entry[] {
  const entries: Entry[] = [];
  for (let entry = line.first; entry; entry = entry.next) entries.push(entry);
  return entries;
}

function holdersOf(line: Line): number[] {
  return entriesOf(line)
    .filter(({ holding }) => holding)
    .map(({ ticket }) => ticket);
}

test('the fold agrees with the rule in its plainest form, after every record', () => {
  fc.assert(
    fc.property(scripts, ([config, script]) => {
      const line = emptyLine(config);
      play(config, script, (record, naive) => {
        line.apply(record);
        expect(entriesOf(line).map(({ ticket }) => ticket)).toEqual(naive.entries.map(({ ticket }) => ticket));
        expect(holdersOf(line)).toEqual(naive.holders());
        expect(line.size).toBe(naive.entries.length);
      });
    }),
    { numRuns: 400 },
  );
});

test('never are more permits held than there are, and the holders are the front of the line', () => {
  fc.assert(
    fc.property(scripts, ([config, script]) => {
      const line = emptyLine(config);
      play(config, script, (record) => {
        line.apply(record);
        const entries = entriesOf(line);
        const held = entries.filter(({ holding }) => holding).reduce((sum, { ask }) => sum + ask, 0);
        expect(held).toBeLessThanOrEqual(config.permits);
        const states = entries.map(({ holding }) => holding);
        expect(states).toEqual([...states].sort((a, b) => Number(b) - Number(a)));
        expect(line.firstWaiting).toBe(entries.find(({ holding }) => !holding) ?? null);
      });
    }),
    { numRuns: 200 },
  );
});

test('grants come in the order of entering, each entry once, and whoever holds holds until it ends', () => {
  fc.assert(
    fc.property(scripts, ([config, script]) => {
      const granted: number[] = [];
      const tell = (entry: Entry) => granted.push(entry.ticket);
      const line = emptyLine(config, {
        ...NO_OBSERVER,
        joined: (entry) => entry.holding && tell(entry),
        granted: tell,
      });
      let before: Entry[] = [];
      play(config, script, (record) => {
        line.apply(record);
        for (const entry of before) if (line.find(entry.ticket)) expect(entry.holding).toBe(true);
        before = entriesOf(line).filter(({ holding }) => holding);
      });
      expect(granted).toEqual([...new Set(granted)].sort((a, b) => a - b));
    }),
    { numRuns: 200 },
  );
});

test('tickets only grow, whatever the clocks say, and never fall behind the clock', () => {
  fc.assert(
    fc.property(scripts, ([config, script]) => {
      const tickets: number[] = [];
      const line = emptyLine(config, {
        ...NO_OBSERVER,
        joined: (entry) => {
          tickets.push(entry.ticket);
          expect(entry.ticket).toBeGreaterThanOrEqual(entry.at);
        },
      });
      for (const record of recordsOf(config, script)) line.apply(record);
      expect(tickets).toEqual([...new Set(tickets)].sort((a, b) => a - b));
      expect(tickets.every((ticket) => Number.isSafeInteger(ticket))).toBe(true);
    }),
  );
});

test('folding on from a header, cut anywhere, gives the same line as folding straight on', () => {
  fc.assert(
    fc.property(scripts, fc.nat(60), ([config, script], cut) => {
      const records = recordsOf(config, script);
      const straight = emptyLine(config);
      for (const record of records) straight.apply(record);
      const first = emptyLine(config);
      for (const record of records.slice(0, cut)) first.apply(record);
      const second = new Line(JSON.parse(JSON.stringify(first.header())), NO_OBSERVER);
      for (const record of records.slice(cut)) second.apply(record);
      expect(second.header()).toEqual(straight.header());
      expect(holdersOf(second)).toEqual(holdersOf(straight));
    }),
    { numRuns: 400 },
  );
});

test('whatever is no record of this format changes nothing', () => {
  fc.assert(
    fc.property(scripts, notARecord, ([config, script], record) => {
      const line = emptyLine(config);
      for (const one of recordsOf(config, script)) line.apply(one);
      const before = JSON.stringify(line.header());
      line.apply(record as unknown as JournalRecord);
      expect(JSON.stringify(line.header())).toBe(before);
    }),
    { numRuns: 500 },
  );
});

test('unknown further fields of a record are ignored', () => {
  const line = emptyLine({ kind: 'lock', permits: 1 });
  line.apply(['enter', 'a:1', [...FACTS, 'later'], 1, 5, 'label', { later: true }]);
  expect(holdersOf(line)).toEqual([5]);
  line.apply(['leave', 'a:2', 5, 6, 'later']);
  expect(line.size).toBe(0);
});

test('an eviction that judged one owner is void once a second has adopted the entry', () => {
  const line = emptyLine({ kind: 'lock', permits: 1 });
  line.apply(['enter', 'a:1', FACTS, 1, 5, 'run']);
  line.apply(['adopt', 'a:2', 5, 6, 'child', FACTS]);
  line.apply(['evict', 'b:1', 5, 7, 1, 'gone', 'b']);
  expect(holdersOf(line)).toEqual([5]);
  line.apply(['evict', 'b:2', 5, 8, 2, 'gone', 'b']);
  expect(line.size).toBe(0);
});

test('an eviction by force ends an entry whoever owns it', () => {
  const line = emptyLine({ kind: 'lock', permits: 1 });
  line.apply(['enter', 'a:1', FACTS, 1, 5, 'run']);
  line.apply(['adopt', 'a:2', 5, 6, 'child', FACTS]);
  line.apply(['evict', 'b:1', 5, 7, 0, 'broken', 'b']);
  expect(line.size).toBe(0);
});

test('a line takes 65,536 entries, and a further one is void', () => {
  const line = emptyLine({ kind: 'lock', permits: 1 });
  for (let entry = 0; entry < 65_537; entry++) line.apply(['enter', `a:${entry}`, FACTS, 1, 0, '']);
  expect(line.size).toBe(65_536);
});

const SOUND = { name: 'x', kind: 'lock', permits: 1, last: 9, token: 4, value: 0, entries: [] };
const ENTRY = [4, 'a:1', [['a', FACTS]], 1, 1, '', 4];
const WAITER = [5, 'a:2', [['a', FACTS]], 1, 1, '', 0];

test('a sound header is taken, so that the unsound ones are refused for what is wrong with them', () => {
  expect(new Line({ ...SOUND, entries: [ENTRY, WAITER] }, NO_OBSERVER).waiting).toBe(1);
});

test.each([
  ['nothing', null, 'no kind'],
  ['no name', { ...SOUND, name: undefined }, 'no kind'],
  ['an unknown kind', { ...SOUND, kind: 'latch' }, 'no kind'],
  ['no permits', { ...SOUND, permits: 0 }, 'no number of permits'],
  ['too many permits', { ...SOUND, kind: 'semaphore', permits: 2 ** 31 }, 'no number of permits'],
  ['no line', { ...SOUND, entries: undefined }, 'no line'],
  ['no last ticket', { ...SOUND, last: undefined }, 'no line'],
  ['no last token', { ...SOUND, token: undefined }, 'no last token'],
  ['a token past the last number', { ...SOUND, token: 10 }, 'no last token'],
  ['no value', { ...SOUND, value: undefined }, 'no value'],
  ['an entry that is none', { ...SOUND, entries: [[1]] }, 'an entry that is none'],
  ['an ownerless entry', { ...SOUND, entries: [ENTRY.with(2, [])] }, 'an entry that is none'],
  ['a ticket past the last', { ...SOUND, entries: [ENTRY.with(0, 10)] }, 'an entry that is none'],
  ['a ticket twice', { ...SOUND, entries: [ENTRY, WAITER.with(0, 4)] }, 'an entry that is none'],
  ['a holder without a token', { ...SOUND, entries: [ENTRY.with(6, 0)] }, 'an entry that is none'],
  ['a waiter with a token', { ...SOUND, entries: [ENTRY, WAITER.with(6, 3)] }, 'an entry that is none'],
  ['an entry with too new a token', { ...SOUND, entries: [ENTRY.with(6, 5)] }, 'an entry that is none'],
  ['an ask that its kind does not know', { ...SOUND, entries: [ENTRY.with(3, 2)] }, 'an entry that is none'],
  ['keeps that are none', { ...SOUND, entries: [[...ENTRY, 'all', 1]] }, 'an entry that is none'],
])('a header with %s is refused', (_, header, why) => {
  expect(() => new Line(header, NO_OBSERVER)).toThrow(RangeError);
  expect(() => new Line(header, NO_OBSERVER)).toThrow(why);
});
