import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { JournalRecord } from '../../lib/journal/record.ts';
import { type Config, emptyHeader } from '../../lib/line/config.ts';
import { Line } from '../../lib/line/line.ts';
import { NO_OBSERVER } from '../../lib/line/observer.ts';
import type { WireFacts } from '../../lib/session/facts.ts';

const FACTS: WireFacts = [42, 42, 1000, 'boot', 4026531836, 'web1'];
const LOCK: Config = { kind: 'lock', permits: 1 };
const OTHERS: Config[] = [
  { kind: 'semaphore', permits: 3 },
  { kind: 'event', permits: 1 },
  { kind: 'condition', permits: 1 },
  { kind: 'barrier', permits: 3 },
  { kind: 'counter', permits: 1 },
  { kind: 'queue', permits: 1 },
];

/** Of every verb. A ticket is the place in line of the entry that is meant. */
const step = fc.oneof(
  { weight: 8, arbitrary: fc.tuple(fc.constantFrom('enter', 'try'), fc.nat(2), fc.nat(30)) },
  { weight: 6, arbitrary: fc.tuple(fc.constantFrom('leave', 'done'), fc.nat(4)) },
  { weight: 4, arbitrary: fc.tuple(fc.constantFrom('put'), fc.nat(2)) },
  { weight: 2, arbitrary: fc.tuple(fc.constantFrom('steal'), fc.nat(30)) },
  { weight: 2, arbitrary: fc.tuple(fc.constantFrom('evict'), fc.nat(4), fc.nat(2)) },
  { weight: 1, arbitrary: fc.tuple(fc.constantFrom('adopt'), fc.nat(4), fc.boolean()) },
  { weight: 1, arbitrary: fc.tuple(fc.constantFrom('keep'), fc.nat(4), fc.nat(2)) },
  { weight: 2, arbitrary: fc.tuple(fc.constantFrom('set', 'clear', 'abort', 'reset')) },
  { weight: 2, arbitrary: fc.tuple(fc.constantFrom('notify', 'add', 'sweep'), fc.integer({ min: -3, max: 30 })) },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

function recordOf([verb, first, second]: Step, id: string, line: Line): JournalRecord {
  let meant = line.first;
  for (let place = 0; place < Number(first) && meant; place++) meant = meant.next;
  const ticket = meant?.ticket ?? 0;
  if (verb === 'enter' || verb === 'try') return [verb, id, FACTS, first, second, 'a label'];
  if (verb === 'steal') return [verb, id, FACTS, first, 'a thief'];
  if (verb === 'evict') return [verb, id, ticket, 1, second, 'gone', 'somebody'];
  if (verb === 'adopt') return [verb, id, ticket, 1, 'child', FACTS, second];
  if (verb === 'keep') return [verb, id, ticket, 1, Array(second).fill(['other', 7]), second];
  if (verb === 'put') return [verb, id, 1, `${first}`, 9, ...(first === 0 ? ['an id'] : [])];
  return verb === 'leave' || verb === 'done' ? [verb, id, ticket, 1] : [verb, id, 1, first];
}

/** What a line comes to, and the tokens that it gave. */
class Story {
  line: Line;
  readonly tokens: number[] = [];
  readonly #observer = {
    ...NO_OBSERVER,
    joined: ({ token }: { token: number }) => token > 0 && this.tokens.push(token),
    granted: ({ token }: { token: number }) => this.tokens.push(token),
  };

  constructor(config: Config) {
    this.line = new Line(emptyHeader('deploy', config), this.#observer);
  }

  rotate(): void {
    this.line = new Line(JSON.parse(JSON.stringify(this.line.header())), this.#observer);
  }
}

const scripts = fc.tuple(
  fc.constantFrom(LOCK, LOCK, ...OTHERS),
  fc.array(step, { maxLength: 40, size: 'max' }),
  fc.nat(40),
);

test('of every kind of line a header keeps all that the records behind it need', () => {
  fc.assert(
    fc.property(scripts, ([config, script, cut]) => {
      const straight = new Story(config);
      const rotated = new Story(config);
      for (const [index, one] of script.entries()) {
        if (index === cut) rotated.rotate();
        const record = recordOf(one, `key:${index}`, straight.line);
        straight.line.apply(record);
        rotated.line.apply(record);
      }
      expect(rotated.line.header()).toEqual(straight.line.header());
      expect(rotated.tokens.slice(-5)).toEqual(straight.tokens.slice(-5));
    }),
    { numRuns: 2_000 },
  );
});

test('tokens grow, whoever stole the lock and whatever was rotated', () => {
  fc.assert(
    fc.property(scripts, ([config, script, every]) => {
      const story = new Story(config);
      for (const [index, one] of script.entries()) {
        if (index % (1 + every) === 0) story.rotate();
        story.line.apply(recordOf(one, `key:${index}`, story.line));
      }
      expect(story.tokens).toEqual([...new Set(story.tokens)].sort((a, b) => a - b));
    }),
    { numRuns: 2_000 },
  );
});

test('a token that has left the line is not given again after a rotation', () => {
  const story = new Story(LOCK);
  const play = (...records: JournalRecord[]) => {
    for (const record of records) story.line.apply(record);
  };
  play(['enter', 'a:1', FACTS, 1, 10, 'holder'], ['enter', 'b:1', FACTS, 0, 20, 'reader']);
  play(['enter', 'c:1', FACTS, 1, 30, 'writer'], ['enter', 'd:1', FACTS, 0, 40, 'reader']);
  play(['steal', 'e:1', FACTS, 50, 'thief'], ['leave', 'e:2', 50, 51]);
  play(['enter', 'f:1', FACTS, 1, 0, 'writer'], ['leave', 'c:2', 30, 0], ['leave', 'd:2', 40, 0]);
  story.rotate();
  play(['leave', 'b:2', 20, 0]);
  expect(story.tokens).toEqual([10, 50, 51, 53, 54]);
});

test('a record whose session key no header could keep is void', () => {
  const story = new Story(LOCK);
  story.line.apply(['enter', `${'k'.repeat(201)}:1`, FACTS, 1, 5, '']);
  story.line.apply(['steal', `${'k'.repeat(201)}:2`, FACTS, 5, '']);
  story.line.apply(['enter', `${'k'.repeat(200)}:1`, FACTS, 1, 6, '']);
  story.rotate();
  expect(story.tokens).toEqual([6]);
});

test('an id without a colon is all key', () => {
  const story = new Story(LOCK);
  story.line.apply(['enter', 'k', FACTS, 1, 5, '']);
  expect(story.line.first?.owners.map(({ key }) => key)).toEqual(['k']);
});
