import fc from 'fast-check';
import { nodeHost } from '../../lib/host/node-host.ts';
import { toWire } from '../../lib/session/facts.ts';

/** What may have become of a journal: damage done to the bytes of a sound one. */

const DEEP = `${'['.repeat(20_000)}${']'.repeat(20_000)}`;
const FACTS = JSON.stringify(toWire(nodeHost.processes.self()));
/** Of a process that nobody here can see: only its heartbeat tells whether it lives. */
const ELSEWHERE = '[7,7,7,"another boot",7,"another host"]';
/** Of a process that is gone. */
const DEAD = JSON.stringify(toWire({ ...nodeHost.processes.self(), start: 1 }));

const NUMBERS = [
  '1e999',
  '-1e999',
  '-0',
  '-1',
  '0.5',
  '9007199254740991',
  '9007199254740992',
  '1e308',
  'null',
  '"1"',
  '{}',
  DEEP,
];
const NAMES = [
  '""',
  '"\\u0000"',
  '"\\ud800"',
  '"__proto__"',
  '"constructor"',
  '"../../bait"',
  '"/"',
  `"${'x'.repeat(300)}"`,
];

/** Keys that would lead somewhere if they were taken for file names. */
const KEYS = [
  '../../../bait',
  'a.lock/../../../bait',
  '..',
  '\\u0000',
  '__proto__',
  'x'.repeat(200),
  'x'.repeat(201),
  '\\ud800',
];

const weirdRecords = [
  ...NUMBERS.flatMap((n) => [
    `["enter","w:1",${FACTS},${n},1,"x"]`,
    `["enter","w:2",${FACTS},1,${n},"x"]`,
    `["leave","w:3",${n},1]`,
    `["evict","w:4",${n},1,${n},"r","b"]`,
    `["adopt","w:5",${n},1,"k",${FACTS},true]`,
    `["keep","w:6",${n},1,[["x",${n}]],${n}]`,
    `["add","w:7",1,${n}]`,
    `["steal","w:8",${FACTS},${n},"x"]`,
    `["enter","w:9",[${n},${n},${n},"",${n},""],1,1,"x"]`,
  ]),
  ...KEYS.flatMap((key) => [ELSEWHERE, DEAD].map((facts) => `["enter","${key}:1",${facts},1,1,"x"]`)),
  ...NAMES.map((name) => `["enter","w:1",${FACTS},1,1,${name}]`),
  ...NAMES.map((name) => `[${name},"w:1",1,1]`),
  '["seal","w:1",1]',
  '["enter","w:1"]',
  '["toString","w:1",1]',
  '["__proto__","w:1",1]',
  '{"__proto__":["enter","w:1"]}',
  DEEP,
  '['.repeat(60_000),
  `["enter","w:1","${'x'.repeat(1_100_000)}"]`,
  'x'.repeat(1_100_000),
  '["enter","w:1"]["enter","w:2"]',
];

function header(rest: string): string {
  return `["lockstep",2,{"name":"x","kind":"lock","permits":1,"last":20,"token":10,"value":0,"entries":[],${rest}}]`;
}

const entry = (ticket: string, owners = `[["k",${FACTS}]]`) => `[${ticket},"w:1",${owners},1,1,"x",0]`;

/** Later items of the same name count, so each of these is a header with one item that is not as it should be. */
export const weirdHeaders = [
  '',
  '\0'.repeat(5_000),
  '["lockstep",2]',
  '["lockstep",3,{}]',
  '["lockstep",1e999,{}]',
  `["lockstep",${DEEP},{}]`,
  `["lockstep",2,${DEEP}]`,
  `["lockstep",2,${'['.repeat(1_000_000)}`,
  `["lockstep",2,${'{"":'.repeat(500_000)}`,
  '["lockstep",2,{"__proto__":{"name":"x","kind":"lock","permits":1,"last":0,"token":0,"value":0,"entries":[]}}]',
  '["lockstep",2,null]',
  '["lockstep",2,"x"]',
  ...NUMBERS.flatMap((n) => ['permits', 'last', 'token', 'value', 'entries'].map((item) => header(`"${item}":${n}`))),
  ...['"toString"', '"__proto__"', '"event"', '7'].map((kind) => header(`"kind":${kind}`)),
  ...NAMES.map((name) => header(`"name":${name}`)),
  header(`"entries":[${entry('5')},${entry('5')}]`),
  header(`"entries":[${entry('5')},${entry('4')}]`),
  header(`"entries":[${entry('21')}]`),
  header(`"entries":[${entry('5', '[]')}]`),
  header(`"entries":[${entry('5', '{}')}]`),
  header(`"entries":[${DEEP}]`),
  header(`"last":9007199254740991,"token":9007199254740991,"entries":[${entry('5')},${entry('6')}]`),
];

export type Damage = (bytes: Buffer) => Buffer;

function lines(change: (all: string[]) => string[]): Damage {
  // latin1 keeps every byte.
  return (bytes) => Buffer.from(change(bytes.toString('latin1').split('\n')).join('\n'), 'latin1');
}

/** A place in a sequence, as a part of its length. */
const part = fc.double({ min: 0, max: 1, noNaN: true });
const at = (length: number, where: number) => Math.floor(where * length);
const junk = fc.oneof(
  fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
  fc
    .constantFrom('\r\n', ' ', '\n\n', '\0\0\0', 'foo\n', ']', '["', '\ufeff', '\xc3')
    .map((text) => Buffer.from(text, 'latin1')),
  // A record that would count if it stood in a line of its own.
  fc.constant(Buffer.from(`["enter","j:1",${FACTS},1,1,"junk"]`)),
);

const spliced =
  (where: number, length: number, by: Buffer): Damage =>
  (bytes) => {
    const from = at(bytes.length, where);
    return Buffer.concat([bytes.subarray(0, from), by, bytes.subarray(from + length)]);
  };

export const damage: fc.Arbitrary<Damage> = fc.oneof(
  fc.tuple(part, fc.nat(7)).map(
    ([where, bit]): Damage =>
      (bytes) => {
        const flipped = Buffer.from(bytes);
        const place = Math.min(at(bytes.length, where), bytes.length - 1);
        if (place >= 0) flipped[place] = (flipped[place] as number) ^ (1 << bit);
        return flipped;
      },
  ),
  part.map(
    (where): Damage =>
      (bytes) =>
        bytes.subarray(0, at(bytes.length, where)),
  ),
  fc.tuple(part, fc.nat(600)).map(
    ([where, length]): Damage =>
      (bytes) => {
        const from = at(bytes.length, where);
        return Buffer.from(bytes).fill(0, from, Math.min(bytes.length, from + length));
      },
  ),
  fc.nat(5_000).map(
    (length): Damage =>
      (bytes) =>
        Buffer.concat([bytes, Buffer.alloc(length)]),
  ),
  fc.tuple(part, fc.nat(20), junk).map(([where, length, by]) => spliced(where, length, by)),
  // A line twice, somewhere else, or not at all.
  fc
    .tuple(part, part)
    .map(([from, to]) => lines((all) => all.toSpliced(at(all.length, to), 0, all[at(all.length - 1, from)] as string))),
  fc.tuple(part, part).map(([from, to]) =>
    lines((all) => {
      const rest = [...all];
      const [moved = ''] = rest.splice(at(rest.length, from), 1);
      return rest.toSpliced(at(rest.length, to), 0, moved);
    }),
  ),
  part.map((from) => lines((all) => all.toSpliced(at(all.length, from), 1))),
  // Something behind a record, in its line.
  fc
    .tuple(part, junk)
    .map(([where, by]) =>
      lines((all) => all.map((line, index) => (index === at(all.length, where) ? line + by.toString('latin1') : line))),
    ),
  fc.constant(lines((all) => all.map((line) => `${line}\r`))),
  fc
    .tuple(part, fc.constantFrom(...weirdRecords))
    .map(([where, record]) =>
      lines((all) => all.toSpliced(1 + at(all.length - 1, where), 0, Buffer.from(record).toString('latin1'))),
    ),
  fc
    .constantFrom(...weirdHeaders)
    .map((text) => lines((all) => [Buffer.from(text).toString('latin1'), ...all.slice(1)])),
);

export const damages = fc.array(damage, { minLength: 1, maxLength: 4 });

export function damaged(bytes: Buffer, all: readonly Damage[]): Buffer {
  return all.reduce((now, one) => one(now), bytes);
}

export { weirdRecords };

/** How long to look for what nobody thought of. `LOCKSTEP_FUZZ=10` is ten minutes, with new seeds. */
const minutes = Number(process.env.LOCKSTEP_FUZZ ?? 0);

/** For `fc.assert`. Of a long run each of the properties has its part. */
export function effort(runs: number): fc.Parameters<unknown> {
  const PROPERTIES = 3;
  if (!(minutes > 0)) return { seed: 20_240_229, numRuns: runs };
  return {
    numRuns: Number.MAX_SAFE_INTEGER,
    interruptAfterTimeLimit: (minutes * 60_000) / PROPERTIES,
    markInterruptAsFailure: false,
  };
}

export const LONG_MS = minutes * 60_000 + 60_000;
