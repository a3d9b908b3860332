import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { nodeHost } from '../../lib/host/node-host.ts';
import { eventText, parseRun, parseRunFile, runFile, startText } from '../../lib/jobs/record-format.ts';
import type { RunEvent, RunStart } from '../../lib/jobs/run.ts';

const facts = nodeHost.processes.self();
const start: RunStart = {
  job: 'back up/\u{1f512}',
  key: 'abc1',
  facts,
  session: 's1',
  at: 1_764_000_000_000,
  label: 'sh -c "x\ny"',
  plan: {
    overlap: 'replace',
    permits: 3,
    timeoutMs: 5,
    killAfterMs: 10_000,
    everyMs: null,
    retries: 2,
    expect: 'every 24h',
    zone: null,
    graceMs: null,
  },
};
const events: RunEvent[] = [
  { it: 'acquired', at: 2 },
  { it: 'began', at: 3, facts },
  { it: 'exited', at: 4, code: null, signal: 'SIGKILL', timedOut: true },
  { it: 'began', at: 5, facts, session: 's2' },
  { it: 'exited', at: 6, code: 0, signal: null, timedOut: false },
  {
    ...{ it: 'ended', at: 7, outcome: 'succeeded', code: 0, reason: 'r', by: 'k', tail: 'a\nb\u{1b}[1m\n' },
    earlierMs: [3, 0, 1],
  },
];
const file = runFile(start);
const text = startText(start) + events.map(eventText).join('');

function runIn(record: string, name = file) {
  const reading = parseRun(record, name);
  return 'run' in reading ? reading.run : null;
}

test('a record that was written is read back', () => {
  expect(runIn(text)).toEqual({
    ...start,
    acquiredAt: 2,
    attempts: [
      { at: 3, facts, exited: events[2] },
      { at: 5, facts, session: 's2', exited: events[4] },
    ],
    ended: events[5],
  });
});

test('the file names of records sort as the runs started, and contain the start', () => {
  const names = [0, 9, 10, 1_764_000_000_000].map((at) => runFile({ at, key: 'k' }));
  expect([...names].sort()).toEqual(names);
  expect(names.map((name) => parseRunFile(name)?.at)).toEqual([0, 9, 10, 1_764_000_000_000]);
  for (const name of [
    'x.run',
    '.next.k',
    '000000000000001-K.run',
    '000000000000001-k.output',
    '1-k.run',
    '000000000000001-.run',
  ])
    expect(parseRunFile(name)).toBeNull();
});

describe('a record that stops somewhere', () => {
  test('is one with fewer events, wherever it is cut; or none, within its first line', () => {
    const bytes = Buffer.from(text);
    const first = Buffer.byteLength(startText(start));
    let told = 0;
    for (let length = 0; length <= bytes.length; length++) {
      const run = runIn(bytes.subarray(0, length).toString());
      expect(run === null).toBe(length < first);
      const tells =
        run === null
          ? 0
          : Number(run.acquiredAt !== null) +
            run.attempts.length +
            run.attempts.filter(({ exited }) => exited).length +
            Number(run.ended !== null);
      expect(tells).toBeGreaterThanOrEqual(told);
      told = tells;
    }
    expect(told).toBe(events.length);
  });

  test('is read on behind a torn line', () => {
    const torn = eventText({ it: 'acquired', at: 2 }).slice(0, -4);
    const run = runIn(startText(start) + torn + eventText({ it: 'began', at: 3, facts }));
    expect(run).toMatchObject({ acquiredAt: null, attempts: [{ at: 3 }] });
  });
});

describe('a damaged or foreign record', () => {
  test.each([
    ['nothing', ''],
    ['no JSON', 'x'],
    ['another kind of file', '{"lockstep":"beat","version":1}'],
    ['a record behind something else', `\n${text}`],
    ['one with a prototype', '{"__proto__":{"lockstep":"run"}}'],
    ['an array', '["run"]'],
    ['null', 'null'],
  ])('is none: %s', (_, record) => {
    expect(parseRun(record, file)).toEqual({ problem: 'its file is not the record of a run' });
  });

  test('is refused if it is of a later format, with that reason', () => {
    expect(parseRun(text.replace('"version":1', '"version":2'), file)).toEqual({
      problem: expect.stringContaining('format'),
    });
  });

  test.each([
    ['its name is no name', { job: '' }],
    ['its key is another one than that of its file', { key: 'abd' }],
    ['its time is another one', { at: 1 }],
    ['its time is none', { at: -1 }],
    ['its process is none', { facts: [0] }],
    ['its overlap is unknown', { plan: { ...start.plan, overlap: 'dance' } }],
    ['its plan is none', { plan: null }],
    ['its label is a number', { label: 5 }],
  ])('is damaged if %s', (_, change) => {
    const wire = { ...JSON.parse(startText(start)), ...change };
    expect(parseRun(JSON.stringify(wire), file)).toEqual({ problem: 'its record is damaged' });
  });

  test.each([
    { it: '__proto__', at: 1 },
    { it: 'constructor', at: 1 },
    { it: 'ended', at: 1, outcome: 'toString', code: 0 },
    { it: 'ended', at: 1, outcome: 'failed', code: -1 },
    { it: 'began', at: 1, facts: 'x' },
    { it: 'exited', at: 'soon', code: 0, signal: null },
    { it: 'exited', at: 1, code: '0', signal: null },
    [],
    null,
    7,
  ])('tells nothing by an event such as %j', (event) => {
    const run = runIn(`${startText(start)}\n${JSON.stringify(event)}`);
    expect(run).toEqual({ ...start, acquiredAt: null, attempts: [], ended: null });
  });

  test('the first end stands against later events, and so does each first time', () => {
    const ended = events[5] as RunEvent;
    const run = runIn(
      [startText(start), ended, { ...ended, outcome: 'failed' }, { it: 'acquired', at: 99 }]
        .map((one) => (typeof one === 'string' ? one : eventText(one as RunEvent)))
        .join(''),
    );
    expect(run).toMatchObject({ acquiredAt: null, ended: { outcome: 'succeeded' } });
  });

  test('never breaks a reader, whatever is in it', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.json(), fc.string()), { maxLength: 6 }), (lines) => {
        const reading = parseRun(lines.join('\n'), file);
        expect('problem' in reading).toBe(true);
        expect(runIn([startText(start), ...lines].join('\n'))).toMatchObject({ key: start.key });
      }),
    );
  });
});
