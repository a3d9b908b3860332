import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { JournalRecord } from '../../lib/journal/record.ts';
import { type Action, actionOf, actionRecord } from '../../lib/line/action.ts';
import { type Config, emptyHeader } from '../../lib/line/config.ts';
import { type Entry, keptToWire } from '../../lib/line/entry.ts';
import { Line } from '../../lib/line/line.ts';
import { type LineObserver, NO_OBSERVER } from '../../lib/line/observer.ts';
import { type Answer, isJoined, type Joined } from '../../lib/line/outcome.ts';
import type { WireFacts } from '../../lib/session/facts.ts';
import { viewTakes } from '../../lib/store/takes-view.ts';
import { countActions } from '../model/count-actions.ts';
import { MemoryLine } from '../model/memory-line.ts';
import { putActions } from '../model/put-actions.ts';

const FACTS: WireFacts = [42, 42, 1000, 'boot', 4026531836, 'web1'];
const MOST = Number.MAX_SAFE_INTEGER;

const ALL = { after: 0, limit: 1_000 };

interface Joining {
  do: 'enter' | 'try' | 'steal';
  ask: number;
  at: number;
}

type Step =
  | Joining
  | { do: 'leave' | 'done'; place: number }
  | { do: 'evict'; place: number; owners: number }
  | { do: 'adopt'; place: number; handOver: boolean }
  | { do: 'keep'; place: number; held: number; waits: number }
  | { do: 'act'; action: Action }
  | { do: 'sweep'; place: number }
  | { do: 'garbage'; record: (ticket: number) => unknown[]; place: number };

const place = fc.nat(5);
// Clocks that stand still, run backward, and leap.
const at = fc.oneof(fc.nat(20), fc.integer({ min: 1.7e15, max: 1.7e15 + 5 }), fc.constantFrom(0, 9e15));
const number = fc.constantFrom(0, 1, 1, 2, 7, MOST);

const action: fc.Arbitrary<Action> = fc.oneof(
  fc.constantFrom<Action>({ do: 'set' }, { do: 'clear' }, { do: 'abort' }, { do: 'reset' }),
  fc.record({ do: fc.constant('notify' as const), count: number }),
  fc.record({ do: fc.constant('add' as const), by: fc.oneof(number, fc.constantFrom(-1, -3, -MOST)) }),
  countActions,
  countActions,
  putActions,
);
/** Which actions are for a kind: most of a script's are. */
const ACTIONS: Record<string, Action['do'][]> = {
  event: ['set', 'clear'],
  condition: ['notify'],
  barrier: ['abort', 'reset'],
  counter: ['add', 'take', 'load', 'trim', 'rebuild'],
  queue: ['put'],
};

/** Records that are not exactly of the format, about an entry that there is. */
const garbage = fc.constantFrom<(ticket: number) => unknown[]>(
  () => ['notify', 'k:1', 0, -1],
  () => ['notify', 'k:1', 0, '1'],
  () => ['notify', 'k:1', 0],
  () => ['add', 'k:1', 0, 1.5],
  () => ['add', 'k:1', 0, '1'],
  () => ['add', 'k:1', 0, 2 ** 53],
  () => ['add', 'k:1', 0, null],
  () => ['take', 'k:1', 0, 0, 0],
  () => ['take', 'k:1', 0, -1, 0],
  () => ['take', 'k:1', 0, 1, '0'],
  () => ['take', 'k:1', 0, 1],
  () => ['take', 'k:1', -1, 1, -MOST],
  () => ['take', 'k:1', 0, 1, -MOST, ''],
  () => ['take', 'k:1', 0, 1, -MOST, 'x'.repeat(201)],
  () => ['take', 'k:1', 0, 1, -MOST, null],
  () => ['take', 'k:1', 0, 1, -MOST, 'a', 65_537],
  () => ['take', 'k:1', 0, 1, -MOST, 'a', null],
  () => ['load', 'k:1', 0, -1, 'a', 'g'],
  () => ['load', 'k:1', 0, 1, 'a'],
  () => ['trim', 'k:1', 0, -1],
  () => ['rebuild', 'k:1', 0, 1, 1, 1, ''],
  () => ['rebuild', 'k:1', 0, 1, -1, 1, 'g'],
  () => ['put', 'k:1', 0, 1, 9],
  () => ['put', 'k:1', 0, '', 9],
  () => ['put', 'k:1', 0, '"\ud800"', 9],
  () => ['put', 'k:1', 0, `"${'x'.repeat(61_435)}"`, 9],
  () => ['put', 'k:1', 0, '1'],
  () => ['put', 'k:1', 0, '1', 0],
  () => ['put', 'k:1', 0, '1', 65_537],
  () => ['put', 'k:1', 0, '1', 9, ''],
  () => ['put', 'k:1', 0, '1', 9, null],
  (ticket) => ['done', 'k:1', String(ticket), 0],
  () => ['sweep', 'k:1', 0, -1],
  () => ['sweep', 'k:1', 0, Number.POSITIVE_INFINITY],
  () => ['Set', 'k:1', 0],
  () => ['toString', 'k:1', 0],
  () => ['__proto__', 'k:1', 0],
  () => ['steal', 'k:1', FACTS, -1, 'label'],
  () => ['steal', 'k:1', FACTS, 9.1e15, 'label'],
  () => ['steal', 'k:1', FACTS, 5, 7],
  () => ['steal', 'k:1', FACTS, 5],
  () => ['steal', 'k:1', [0], 5, 'label'],
  () => ['enter', 'k:1', FACTS, 99, 5, 'label'],
  () => ['enter', 'k:1', FACTS, 1, 5, 'x'.repeat(201)],
  (ticket) => ['leave', 'k:1', String(ticket), 0],
  (ticket) => ['evict', 'k:1', ticket, 0, '0', 'gone', 'b'],
  (ticket) => ['evict', 'k:1', ticket, 0],
  (ticket) => ['adopt', 'k:1', ticket, 0, 7, FACTS],
  (ticket) => ['adopt', 'k:1', ticket, 0, 'x', [1]],
  (ticket) => ['keep', 'k:1', ticket, 0, 'all', 1],
  (ticket) => ['keep', 'k:1', ticket, 0, [['a', -1]], 1],
  (ticket) => ['keep', 'k:1', ticket, 0, [['a', 1], 'b'], 1],
  (ticket) => ['keep', 'k:1', ticket, 0, Array(65).fill(['a', 1]), 1],
  (ticket) => ['keep', 'k:1', ticket, 0, [['a', 1]], -1],
  (ticket) => ['keep', 'k:1', ticket, 0, [['a', 1]]],
);

const configs = fc.oneof(
  fc.constantFrom<Config>(
    { kind: 'lock', permits: 1 },
    { kind: 'event', permits: 1 },
    { kind: 'condition', permits: 1 },
    { kind: 'counter', permits: 1 },
    { kind: 'queue', permits: 1 },
    { kind: 'queue', permits: 1 },
  ),
  fc.integer({ min: 1, max: 4 }).map((permits): Config => ({ kind: 'barrier', permits })),
);

function stepsFor({ kind }: Config): fc.Arbitrary<Step[]> {
  const own = ACTIONS[kind] ?? [];
  const fitting = own.length === 0 ? action : action.filter((one) => own.includes(one.do));
  const step: fc.Arbitrary<Step> = fc.oneof(
    {
      weight: 8,
      arbitrary: fc.record({
        do: fc.constantFrom('enter' as const, 'enter' as const, 'enter' as const, 'try' as const),
        ask: kind === 'lock' ? fc.constantFrom(0, 0, 1) : fc.constant(1),
        at,
      }),
    },
    { weight: kind === 'lock' ? 2 : 1, arbitrary: fc.record({ do: fc.constant('steal' as const), ask: place, at }) },
    { weight: 5, arbitrary: fc.record({ do: fc.constant('leave' as const), place }) },
    { weight: kind === 'queue' ? 4 : 1, arbitrary: fc.record({ do: fc.constant('done' as const), place }) },
    { weight: 3, arbitrary: fc.record({ do: fc.constant('evict' as const), place, owners: fc.nat(2) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('adopt' as const), place, handOver: fc.boolean() }) },
    {
      weight: 1,
      arbitrary: fc.record({ do: fc.constant('keep' as const), place, held: fc.nat(3), waits: fc.nat(2) }),
    },
    {
      weight: own.length === 0 ? 1 : 5,
      arbitrary: fc.record({ do: fc.constant('act' as const), action: fitting }),
    },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('act' as const), action }) },
    { weight: kind === 'barrier' ? 2 : 1, arbitrary: fc.record({ do: fc.constant('sweep' as const), place }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('garbage' as const), record: garbage, place }) },
  );
  return fc.array(step, { maxLength: 50, size: 'max' });
}

const scripts = configs.chain((config) => fc.tuple(fc.constant(config), stepsFor(config)));

/** A fold's reports about entries: which ones hold, and which ones ended. */
class Hearsay implements LineObserver {
  readonly holding = new Set<number>();
  joinings = 0;
  /** How many entries were admitted or evicted. */
  others = 0;
  ended: Array<[ticket: number, reason: string | null]> = [];

  forget(): void {
    this.joinings = 0;
    this.others = 0;
    this.ended = [];
  }

  joined(entry: Entry): void {
    this.joinings += 1;
    if (entry.holding) this.holding.add(entry.ticket);
  }

  granted({ ticket }: Entry): void {
    expect(this.holding).not.toContain(ticket);
    this.others += 1;
    this.holding.add(ticket);
  }

  left({ ticket }: Entry): void {
    this.holding.delete(ticket);
    this.ended.push([ticket, null]);
  }

  evicted({ ticket }: Entry, { reason }: { reason: string }): void {
    this.others += 1;
    this.holding.delete(ticket);
    this.ended.push([ticket, reason]);
  }
}

/** The result of a step in the model, for comparison with a fold's reports and outcome. */
interface Expected {
  record: JournalRecord;
  joinedBehind: number | null;
  outcome: Answer;
}

/** Takes a step in the model, and puts it down as a record. */
function take(step: Step, id: string, model: MemoryLine): Expected {
  const nothing = { joinedBehind: null, outcome: null };
  if (step.do === 'act') {
    return { ...nothing, record: actionRecord(step.action, id, 0), outcome: model.act(step.action) };
  }
  if ('ask' in step) return join(step, id, model);
  // A ticket that nobody has.
  const ticket = model.entries[step.place]?.ticket ?? 8e15 + 1;
  switch (step.do) {
    case 'sweep': {
      const sweep: Action = { do: 'sweep', ticket };
      return { ...nothing, record: actionRecord(sweep, id, 0), outcome: model.act(sweep) };
    }
    case 'leave':
      model.leave(ticket);
      return { ...nothing, record: ['leave', id, ticket, 0] };
    case 'done':
      model.leave(ticket, true);
      return { ...nothing, record: ['done', id, ticket, 0] };
    case 'evict':
      model.evict(ticket, { reason: 'gone', by: 'b' }, step.owners);
      return { ...nothing, record: ['evict', id, ticket, 0, step.owners, 'gone', 'b'] };
    case 'adopt':
      model.adopt(ticket, `child-${id}`, step.handOver);
      return { ...nothing, record: ['adopt', id, ticket, 0, `child-${id}`, FACTS, step.handOver] };
    case 'keep': {
      const held = model.entries.slice(0, step.held).map((entry) => ({ name: 'other', ticket: entry.ticket }));
      model.keep(ticket, { held, waits: step.waits });
      return { ...nothing, record: ['keep', id, ticket, 0, keptToWire(held), step.waits] };
    }
    case 'garbage':
      return { ...nothing, record: step.record(ticket) as unknown as JournalRecord };
  }
}

function join(step: Joining, id: string, model: MemoryLine): Expected {
  const newcomer = { owner: id.slice(0, id.indexOf(':')), ask: step.ask, label: 'label', at: step.at };
  const waiting = model.waiters.length;
  const isTheft = step.do === 'steal';
  const entry = isTheft ? model.steal(newcomer, 'pid 42 on web1') : model.enter(newcomer, step.do === 'try');
  const record: JournalRecord = isTheft
    ? ['steal', id, FACTS, step.at, 'label']
    : [step.do, id, FACTS, step.ask, step.at, 'label'];
  return { record, joinedBehind: entry && (isTheft ? 0 : waiting), outcome: null };
}

function recordsOf(config: Config, script: readonly Step[]): JournalRecord[] {
  const model = new MemoryLine(config);
  return script.map((step, index) => take(step, `key${index}:1`, model).record);
}

function entriesOf(line: Line): Entry[] {
  const entries: Entry[] = [];
  for (let entry = line.first; entry; entry = entry.next) entries.push(entry);
  return entries;
}

function reloaded(line: Line): Line {
  return new Line(JSON.parse(JSON.stringify(line.header())), NO_OBSERVER);
}

const factsOf = (line: Line) => ({
  value: line.value,
  waiting: line.waiting,
  takes: line.count && viewTakes(line.count, ALL),
  entries: entriesOf(line).map(({ ticket, token, holding, ask, owners, keeps, item }) => ({
    ...{ ticket, token, holding, ask, keeps, item },
    owners: owners.map(({ key, relieved }) => ({ key, relieved })),
  })),
});

const factsOfModel = (model: MemoryLine) => ({
  value: model.value,
  waiting: model.waiters.length,
  takes: model.config.kind === 'counter' ? model.takes.view(model.value, ALL) : null,
  entries: model.entries.map(({ ticket, token, ask, owners, keeps, item }) => ({
    ...{ ticket, token, holding: token > 0, ask, owners, keeps },
    item: item && { sequence: item.sequence, text: item.text, takes: item.takes },
  })),
});

test('the fold agrees with the reference model on gates, thefts and tokens, after every record', () => {
  fc.assert(
    fc.property(scripts, ([config, script]) => {
      const heard = new Hearsay();
      const line = new Line(emptyHeader('deploy', config), heard);
      const model = new MemoryLine(config);
      for (const [index, step] of script.entries()) {
        const { record, joinedBehind, outcome } = take(step, `key${index}:1`, model);
        heard.forget();
        const before = JSON.stringify(line.header());
        const decided = line.apply(record);
        expect(factsOf(line)).toEqual(factsOfModel(model));
        expect(line.firstWaiting?.ticket).toBe(model.waiters[0]?.ticket);
        // And what it reports and returns is what has happened.
        const ended = model
          .takeEndings()
          .map(({ entry, eviction }) => [entry.ticket, eviction?.reason ?? null] as const);
        expect(new Map(heard.ended)).toEqual(new Map(ended));
        expect(heard.holding).toEqual(new Set(model.holders.map(({ ticket }) => ticket)));
        expect(heard.joinings).toBe(joinedBehind === null ? 0 : 1);
        if (decided === null || isJoined(decided)) expect(decided?.waitingBefore ?? null).toBe(joinedBehind);
        if (joinedBehind !== null) expect((decided as Joined).others).toBe(heard.others);
        if (actionOf(record, config.kind)) expect(decided).toEqual(outcome);
        if (decided === null || typeof decided === 'string') expect(JSON.stringify(line.header())).toBe(before);
      }
    }),
    { numRuns: 500 },
  );
});

test('going on from the header, after every record, is as folding straight on', () => {
  fc.assert(
    fc.property(scripts, ([config, script]) => {
      const straight = new Line(emptyHeader('deploy', config), NO_OBSERVER);
      let rotating = new Line(emptyHeader('deploy', config), NO_OBSERVER);
      for (const record of recordsOf(config, script)) {
        straight.apply(record);
        rotating.apply(record);
        rotating = reloaded(rotating);
        expect(rotating.header()).toEqual(straight.header());
        expect(factsOf(rotating)).toEqual(factsOf(straight));
      }
    }),
    { numRuns: 500 },
  );
});

test('a record that is not exactly of the format changes nothing, and nothing is reported of it', () => {
  fc.assert(
    fc.property(scripts, garbage, place, ([config, script], record, at_) => {
      const heard = new Hearsay();
      const line = new Line(emptyHeader('deploy', config), heard);
      for (const one of recordsOf(config, script)) line.apply(one);
      heard.forget();
      const before = JSON.stringify([line.header(), factsOf(line)]);
      const decided = line.apply(record(entriesOf(line)[at_]?.ticket ?? 5) as unknown as JournalRecord);
      expect(JSON.stringify([line.header(), factsOf(line)])).toBe(before);
      expect([decided, heard.joinings, heard.ended]).toEqual([null, 0, []]);
    }),
    { numRuns: 500 },
  );
});

test('tokens grow from holder to holder, whatever is stolen, and whenever the line goes on from its header', () => {
  fc.assert(
    fc.property(stepsFor({ kind: 'lock', permits: 1 }), fc.boolean(), (script, rotates) => {
      const config = { kind: 'lock', permits: 1 };
      let line = new Line(emptyHeader('deploy', config), NO_OBSERVER);
      const given = new Set<number>();
      for (const record of recordsOf(config, script)) {
        line.apply(record);
        const fresh = entriesOf(line).flatMap(({ token }) => (token > 0 && !given.has(token) ? [token] : []));
        for (const token of fresh.sort((a, b) => a - b)) {
          expect(token).toBeGreaterThan(Math.max(0, ...given));
          given.add(token);
        }
        if (rotates) line = reloaded(line);
      }
    }),
    { numRuns: 500 },
  );
});

describe('a stolen lock', () => {
  /** Applies, and says who is in line: a ticket, and its token if it holds. */
  function folded(line: Line, ...records: unknown[][]): string {
    for (const record of records) line.apply(record as unknown as JournalRecord);
    return entriesOf(line)
      .map(({ ticket, token, holding }) => (holding ? `${ticket}:${token}` : `${ticket}`))
      .join(' ');
  }
  const enter = (key: string, ask: number, at: number) => ['enter', `${key}:1`, FACTS, ask, at, key];

  test('has the thief before all who wait, with the newest token, and gives newer ones to them', () => {
    const line = new Line(emptyHeader('deploy', { kind: 'lock', permits: 1 }), NO_OBSERVER);
    expect(folded(line, enter('a', 1, 10), enter('b', 1, 20), enter('c', 1, 30))).toBe('10:10 20 30');
    expect(folded(line, ['steal', 't:1', FACTS, 40, 't'])).toBe('40:40 20 30');
    expect(folded(line, enter('d', 1, 50), ['leave', 't:2', 40, 60])).toBe('20:51 30 50');
    expect(folded(line, ['leave', 'b:2', 20, 60])).toBe('30:52 50');
    expect(folded(line, ['leave', 'c:2', 30, 60])).toBe('50:53');
  });

  test('has tokens that grow past one that was given back before the line went on from its header', () => {
    const line = new Line(emptyHeader('deploy', { kind: 'lock', permits: 1 }), NO_OBSERVER);
    folded(line, enter('a', 1, 10), enter('r', 0, 20), enter('w', 1, 30), enter('s', 0, 40));
    // The readers r and s were overtaken; the writer w between them gives up, so that s comes in beside r.
    expect(folded(line, ['steal', 't:1', FACTS, 100, 't'], ['leave', 't:2', 100, 0])).toBe('20:101 30 40');
    expect(folded(line, enter('y', 1, 102), ['leave', 'w:2', 30, 0])).toBe('20:101 40:103 102');
    folded(line, ['leave', 's:2', 40, 0]);
    expect(folded(reloaded(line), ['leave', 'r:2', 20, 0])).toBe('102:104');
  });
});
