import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { JournalRecord } from '../../lib/journal/record.ts';
import { emptyHeader } from '../../lib/line/config.ts';
import { Line } from '../../lib/line/line.ts';
import { NO_OBSERVER } from '../../lib/line/observer.ts';
import { hasPython, type Python, python } from './python.ts';

/** Folds scripts of records, as docs/client.py does, and says what the line comes to after each. */
const FOLDER = `
import json, sys
from client import Line, array
for script in sys.stdin:
    texts, cut, header = json.loads(script)
    line, states, forgotten = Line("deploy", ["lockstep", 2, header]), [], False
    for at, text in enumerate(texts):
        if at == cut:
            line = Line("deploy", array(json.dumps(["lockstep", 2, line.header()]).encode()))
        record = array(text.encode())
        if record and len(record) > 1 and type(record[0]) is type(record[1]) is str and record[1]:
            line.apply(record)
        forgotten = forgotten or line.forgotten
        states.append(json.dumps([line.header(), line.holders(), forgotten]))
    print("[" + ",".join(states) + "]", flush=True)
`;

const FACTS = [42, 42, 1000, 'boot', 4026531836, 'web1'];
const LONG = [200, 201].flatMap((length) => ['x'.repeat(length), '🐍'.repeat(length / 2), `${'é'.repeat(length)}`]);

/** What stands in a record, and what nearly could. */
const junk = fc.oneof(
  fc.constantFrom<unknown>(-1, 0, 1, 2, 1.5, 16, 2 ** 31 - 1, 2 ** 31, 9e15, 9e15 + 1, 2 ** 53 - 1, 2 ** 53, 1e300),
  fc.constantFrom<unknown>(null, true, false, '', '1', 'x:1', '\ud800', [], {}, [[]], FACTS, ...LONG),
  fc.constantFrom(1, 64, 65).map((length) => Array(length).fill(['other', 7, 'more'])),
  fc.tuple(fc.nat(7), fc.constantFrom<unknown>(-1, 0, 2 ** 31, 'x', 1.5, null, 7)).map(([at, item]) => {
    return FACTS.with(Math.min(at, 5), item as number).concat(at > 5 ? ['more'] : []);
  }),
  fc.jsonValue(),
);

const at = fc.oneof(fc.nat(20), fc.integer({ min: 1.7e15, max: 1.7e15 + 5 }), fc.constantFrom(0, 9e15));
const place = fc.nat(5);
type Make = (id: string, ticket: (place: number) => number) => unknown[];

const valid: fc.Arbitrary<Make> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.tuple(fc.constantFrom('enter', 'try'), fc.nat(1), at).map(
      ([verb, ask, at]): Make =>
        (id) => [verb, id, FACTS, ask, at, 'a label'],
    ),
  },
  {
    weight: 2,
    arbitrary: at.map(
      (at): Make =>
        (id) => ['steal', id, FACTS, at, 'a thief'],
    ),
  },
  {
    weight: 5,
    arbitrary: place.map(
      (place): Make =>
        (id, ticket) => ['leave', id, ticket(place), 1],
    ),
  },
  {
    weight: 2,
    arbitrary: fc.tuple(place, fc.nat(3)).map(
      ([place, owners]): Make =>
        (id, ticket) => ['evict', id, ticket(place), 1, owners, 'gone', 'b'],
    ),
  },
  {
    weight: 2,
    arbitrary: fc.tuple(place, fc.boolean()).map(
      ([place, relieves]): Make =>
        (id, ticket) => ['adopt', id, ticket(place), 1, `child-${id}`, FACTS, relieves],
    ),
  },
  {
    weight: 2,
    arbitrary: fc.tuple(place, fc.nat(3)).map(
      ([place, count]): Make =>
        (id, ticket) => ['keep', id, ticket(place), 1, Array(count).fill(['other', 7]), count],
    ),
  },
  {
    weight: 2,
    arbitrary: fc.constantFrom(0, 0, 0, 1).map(
      (value): Make =>
        (id) => ['forget', id, 1, value],
    ),
  },
  {
    weight: 1,
    arbitrary: fc
      .constantFrom(
        'set',
        'clear',
        'notify',
        'abort',
        'reset',
        'sweep',
        'add',
        'take',
        'load',
        'trim',
        'rebuild',
        'seal?',
      )
      .map(
        (verb): Make =>
          (id) => [verb, id, 1, 1],
      ),
  },
);

/** A record as text: as it should be, or with one item changed, cut off, or with another one behind it. */
const written = fc.oneof(
  {
    weight: 4,
    arbitrary: valid.map(
      (make) =>
        (...given: Parameters<Make>) =>
          JSON.stringify(make(...given)),
    ),
  },
  {
    weight: 2,
    arbitrary: fc.tuple(valid, fc.nat(7), junk).map(([make, index, item]) => (...given: Parameters<Make>) => {
      const record = make(...given);
      return JSON.stringify(record.with(Math.min(index, record.length - 1), item).concat(index === 7 ? [item] : []));
    }),
  },
  {
    weight: 1,
    arbitrary: fc.tuple(valid, fc.nat(7)).map(
      ([make, length]) =>
        (...given: Parameters<Make>) =>
          JSON.stringify(make(...given).slice(0, length)),
    ),
  },
  {
    weight: 1,
    arbitrary: fc.tuple(valid, fc.constantFrom('.0', 'e0', '.5', '0e-1')).map(
      ([make, end]) =>
        (...given: Parameters<Make>) =>
          JSON.stringify(make(...given)).replace(/(?<=,)\d+(?=[,\]])/g, (digits) => digits + end),
    ),
  },
  {
    weight: 1,
    arbitrary: fc
      .oneof(
        fc.jsonValue().map((value) => JSON.stringify(value)),
        fc.constantFrom('', '[', '["leave","k:1",NaN]', '[1,2]', `["x","k:1",${'9'.repeat(5_000)}]`),
      )
      .map((text) => () => text),
  },
);

const scripts = fc.tuple(fc.array(written, { maxLength: 60, size: 'max' }), fc.nat(60));

function recordIn(text: string): JournalRecord | null {
  try {
    const value = JSON.parse(text);
    const isRecord = Array.isArray(value) && typeof value[0] === 'string' && typeof value[1] === 'string';
    return isRecord && value[1] !== '' ? (value as unknown as JournalRecord) : null;
  } catch {
    return null;
  }
}

function holdersOf(line: Line): number[] {
  const holders: number[] = [];
  for (let entry = line.first; entry?.holding; entry = entry.next) holders.push(entry.ticket);
  return holders;
}

let folder: Python;

beforeAll(() => {
  if (hasPython) folder = python('-c', FOLDER);
});

afterAll(() => {
  if (hasPython) folder.child.kill('SIGKILL');
});

test.skipIf(!hasPython)('two folds of the same records give the same line, whatever the records', async () => {
  const header = emptyHeader('deploy', { kind: 'lock', permits: 1 });
  const effects = new Map<string, number>();
  await fc.assert(
    fc.asyncProperty(scripts, async ([script, cut]) => {
      const line = new Line(header, NO_OBSERVER);
      const ticket = (place: number) => {
        let entry = line.first;
        for (let before = 0; before < place && entry?.next; before++) entry = entry.next;
        return entry?.ticket ?? 1;
      };
      const texts: string[] = [];
      const states: unknown[] = [];
      for (const [index, write] of script.entries()) {
        const text = write(`key${index % 3}:${index}`, ticket);
        const record = recordIn(text);
        const before = JSON.stringify(line.header());
        if (record) line.apply(record);
        if (record && JSON.stringify(line.header()) !== before)
          effects.set(record[0], (effects.get(record[0]) ?? 0) + 1);
        texts.push(text);
        if (record?.[0] === 'forget' && line.isForgotten) effects.set('forget', (effects.get('forget') ?? 0) + 1);
        states.push([line.header(), holdersOf(line), line.isForgotten]);
      }
      expect(JSON.parse(await folder.ask(JSON.stringify([texts, cut, header])))).toEqual(states);
    }),
    { numRuns: 300 },
  );
  // Nothing is compared where nothing happens.
  expect([...effects.keys()].sort()).toEqual(['adopt', 'enter', 'evict', 'forget', 'keep', 'leave', 'steal', 'try']);
  expect(Math.min(...effects.values())).toBeGreaterThan(100);
});
