import fs from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { VERBS } from '../../../cli/commands/index.ts';
import { nodeHost } from '../../../lib/host/node-host.ts';
import { jobDirectory } from '../../../lib/jobs/record-format.ts';
import { Barrier } from '../../../lib/primitives/barrier.ts';
import { Counter } from '../../../lib/primitives/counter.ts';
import { Event } from '../../../lib/primitives/event.ts';
import { toWire } from '../../../lib/session/facts.ts';
import { encodeName } from '../../../lib/store/name.ts';
import { openStore } from '../../../lib/stores/open-store.ts';
import { type Result, Rig, until } from '../../support/cli-rig.ts';
import { HOUR, MINUTE, runAt, runningSince, writeRuns } from '../../support/recorded-run.ts';

/** One of each kind: overrides, isolates, joiners, marks, tags, separators, selectors, fillers, C0, DEL and C1. */
const CHARACTERS =
  '\u202e\u202c\u2066\u2069\u200b\u200d\u200f\u061c\u2060\u2028\u2029\ufeff\u00ad\ufe0f\u034f\u3164\u{e0041}\x1b\x07\x7f\x85\x9b\n';
const UNSEEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/u;
const NAME = `safe${CHARACTERS}yolped`;
const LABEL = `label ${CHARACTERS}\ud800 of it`;
const HOST = `host${CHARACTERS}\udc00`;
/** So many calls run at a time. */
const TOGETHER = 4;
const PLACE = `st\u202eore\u200b\x9b`;

let rig: Rig;
let place: string;
beforeEach(() => {
  rig = new Rig();
  place = rig.path(PLACE);
});
afterEach(() => rig.end());

function lockstep(words: readonly string[], env: Record<string, string> = {}): Promise<Result> {
  return rig.lockstep(words, { input: '', env: { LOCKSTEP_DIR: place, ...env } }).ended;
}

/** A store in which everything that may hold text holds these characters. */
async function layStore(): Promise<void> {
  const named = { ...nodeHost.processes.self(), host: HOST };
  const facts = toWire(named);
  const header = { name: NAME, kind: 'lock', permits: 1, last: 0, token: 0, value: 0, entries: [] };
  const enter = (key: string, at: number) => ['enter', `${key}:1`, facts, 1, Date.now() * 1000 + at, LABEL];
  const left = [enter('z', 0), ['leave', 'z:1', Date.now() * 1000 + 1]];
  const records = [['lockstep', 2, header], ...left, enter('a', 2), enter('b', 3)];
  const journals = `${PLACE}/resources/${encodeName(NAME)}`;
  fs.mkdirSync(rig.path(journals), { recursive: true, mode: 0o700 });
  for (const directory of ['sessions', 'beats']) fs.mkdirSync(rig.path(PLACE, directory), { mode: 0o700 });
  rig.write(`${journals}/journal.1`, records.map((record) => JSON.stringify(record)).join('\n'));
  const report = {
    lockstep: 'beat',
    version: 1,
    name: NAME,
    key: 'c',
    facts,
    every: 20,
    since: Date.now(),
    label: LABEL,
  };
  rig.write(`${PLACE}/beats/${encodeName(NAME)}`, JSON.stringify(report));
  rig.write(`${PLACE}/beats/${encodeName(`${NAME}.bad`)}`, `{"lockstep": "${CHARACTERS}`);
  const failed = {
    job: NAME,
    facts: named,
    outcome: 'failed',
    code: 3,
    reason: LABEL,
    by: LABEL,
    tail: LABEL,
  } as const;
  const runs = [
    runAt(Date.now() - 3 * HOUR, { job: NAME, facts: named }),
    runAt(Date.now() - 2 * HOUR, failed),
    runningSince(Date.now() - MINUTE, { job: NAME, facts: named }),
  ].map((run) => ({ ...run, label: LABEL, plan: { ...run.plan, expect: 'every 1h' } }));
  writeRuns(place, runs, LABEL);
  fs.writeFileSync(`${jobDirectory(place, NAME)}/bad${CHARACTERS}`, '');
  const store = openStore(place);
  await new Counter(`counter ${NAME}`, { store }).add(3);
  await new Event(`event ${NAME}`, { store }).set();
  await new Barrier(`barrier ${NAME}`, 2, { store }).abort();
  const damaged = `${PLACE}/resources/${encodeName(`damaged ${NAME}`)}`;
  fs.mkdirSync(rig.path(damaged), { mode: 0o700 });
  rig.write(`${damaged}/journal.1`, JSON.stringify(['lockstep', 99, { name: NAME }]));
}

/** What each verb is called with. The last ones change the store. */
function calls(): string[][] {
  const missing = rig.path(`no${CHARACTERS}`, 'where');
  rig.write('plain.json', '{}\n');
  return [
    ['status'],
    ['status', NAME, '--all', '--json'],
    ['history', NAME, '--output'],
    ['history', NAME, '--json'],
    ['history', NAME, '--lock', '--summary'],
    ['history', NAME, '--lock', '--json'],
    ['history', `no ${NAME}`],
    ['history', `counter ${NAME}`],
    ['history', `event ${NAME}`],
    ['timeline', '-o', '-'],
    ['timeline', '-o', `${missing}.svg`, NAME],
    ['timeline', '-o', `picture.${NAME}`],
    ['timeline', '-o', 'page.html', NAME],
    ['top', '--once', NAME, `barrier ${NAME}`],
    ['top', '--once', '--dir', rig.write(`file${CHARACTERS}`, '')],
    ['wait', NAME, '-w', '10ms'],
    ['run', NAME, '-n', '--', 'true'],
    ['run', NAME, '-w', '10ms', '--', 'true'],
    ['run', NAME, '-p', '3', '--', 'true'],
    ['run', `free ${NAME}`, '-v', '--', 'true'],
    ['run', '--file', missing, '--', 'true'],
    ['run', 'free', '--flock', `${missing}/f`, '--', 'true'],
    ['acquire', NAME, '--pid', String(process.pid), '-n'],
    ['release', NAME, '--pid', '1'],
    ['job', NAME, '-v', '--', 'true'],
    ['job', NAME, '--overlap', 'wait', '--wait', '10ms', '--', 'true'],
    ['job', `other ${NAME}`, '-v', '--ping', 'http://127.0.0.1:1/', '-c', 'exit 3'],
    ['job', `other ${NAME}`, '--log', missing, '--', 'true'],
    ['job', `other ${NAME}`, '--ping', NAME, '--', 'true'],
    ['job', `other ${NAME}`, '--expect', NAME, '--', 'true'],
    ['jobs'],
    ['jobs', '--check'],
    ['jobs', '--json'],
    ['jobs', '--prometheus'],
    ['jobs', '--prometheus', '--output', missing],
    ['monitor', '--once'],
    ['monitor', '--once', '--json'],
    ['beat', `no ${NAME}`, '--stop'],
    ['event', 'wait', NAME, '-w', '10ms'],
    ['event', 'set', NAME],
    ['barrier', `barrier ${NAME}`, '-p', '2', '-w', '10ms'],
    ['barrier', NAME, '--abort'],
    ['counter', `counter ${NAME}`],
    ['counter', NAME, '+1'],
    ['counter', `counter ${NAME}`, NAME],
    ['edit', missing, '--', 'cat'],
    ['edit', rig.path('plain.json'), '--', `no${CHARACTERS}program`],
    ['edit', rig.path('plain.json'), '--', 'echo', LABEL.slice(0, 20)],
    [
      'with',
      '--prefix',
      '--daemon',
      `'./no${CHARACTERS.replace('\n', '')}' 2>/dev/null`,
      '--',
      rig.write(`say${CHARACTERS}`, '#!/bin/sh\necho hi', 0o755),
    ],
    ['demo', NAME],
    ['man'],
    ['help', NAME],
    ['status', `${NAME}x`],
    ['queue', NAME],
    ['queue', `${NAME}q`, 'put', NAME],
    ['queue', `${NAME}q`],
    ['queue', `${NAME}q`, NAME],
    ['queue', `${NAME}r`, 'get', '-n'],
    ['hot', NAME, '--status'],
    ['hot', `${NAME}h`, '--load', '5', '--id', 'open'],
    ['hot', `${NAME}h`, '--take', '9', '--id', 'order'],
    ['hot', `${NAME}h`, '--take', '1', '--id', NAME],
    ['hot', `${NAME}h`, '--status', '--back', `/nowhere/${NAME}`],
    ['hot', `${NAME}h`, '--flush', '--back', `mysql://${NAME}@127.0.0.1:1/${NAME}`],
    ['break', `${NAME}x`],
    ['jobs', `${NAME}x`],
    ['run', NAME, NAME, '-h'],
    ['acquire', NAME, 'n', '--pid', NAME],
    ['status', '--dir', `~${CHARACTERS}`],
    ['completion', 'bash', '--', `lockstep status `, ' '],
    ['completion', 'zsh', '--', 'lockstep', 'status', ''],
    ['completion', 'fish', '--', 'lockstep', 'history', ''],
    ['completion', NAME],
    ['doctor'],
    ['doctor', '--json'],
    [NAME],
    ['status', `--${NAME}`],
    ['status', '--dir', missing],
    ['run', NAME, NAME, '--', 'true'],
    ['run', NAME, '--wait', NAME, '--', 'true'],
    ['job', NAME, '--overlap', NAME, '--', 'true'],
    ['forget', NAME, `no ${NAME}`, '--older-than', NAME],
    ['forget', NAME, `no ${NAME}`],
    ['break', NAME],
    ['forget', NAME],
  ];
}

/** What there is of it besides the characters that the output is made of: line ends, and the tabs between words of a completion. */
function unseenIn({ stdout, stderr }: Result, verb: string): string[] {
  const own = verb === 'completion' ? /[\n\t]/g : /\n/g;
  return [...`${stdout}${stderr}`.replace(own, '')].filter((one) => UNSEEN.test(one)).map((one) => escape(one));
}

/** What a call said, once it is found to be right. */
function checked(words: readonly string[], result: Result): string {
  const { stdout, stderr } = result;
  const [verb = ''] = words;
  expect(unseenIn(result, verb), words.join(' ')).toEqual([]);
  // The name's own newline.
  expect(stdout + stderr, words.join(' ')).not.toContain('\nyolped');
  if (words.includes('--json')) {
    const exact = { doctor: place, history: LABEL }[verb] ?? NAME;
    expect(textsIn(JSON.parse(stdout)), words.join(' ')).toContain(exact);
  }
  return stdout + stderr;
}

describe('in a store full of characters that are not seen', () => {
  test('no verb prints one of them, in words or as JSON, which says the exact name', async () => {
    await layStore();
    const all = calls();
    expect([...new Set(all.map(([verb]) => verb))]).toEqual(expect.arrayContaining(VERBS));
    let said = '';
    for (let at = 0; at < all.length; at += TOGETHER) {
      const some = all.slice(at, at + TOGETHER);
      const results = await Promise.all(some.map((words) => lockstep(words)));
      for (const [index, words] of some.entries()) said += checked(words, results[index] as Result);
    }
    expect(UNSEEN.test(rig.read('page.html').replaceAll('\n', ''))).toBe(false);
    for (const text of [
      'safe\\u{202e}\\u{202c}\\u{2066}',
      'host\\u{202e}',
      '\\u{d800} of it',
      'st\\u{202e}ore\\u{200b}\\x9b',
    ])
      expect(said).toContain(text);
  }, 60_000);

  test('a monitor that goes on prints none, in words or as JSON', async () => {
    await layStore();
    for (const json of [[], ['--json']]) {
      const watching = rig.lockstep(['monitor', ...json], { env: { LOCKSTEP_DIR: place } });
      // A line for each of the two reports.
      await watching.says(/^(.*\n){2}/);
      watching.kill('SIGTERM');
      const result = await watching.ended;
      expect(unseenIn(result, 'monitor')).toEqual([]);
      if (json.length > 0)
        expect(
          textsIn(
            result.stdout
              .trim()
              .split('\n')
              .map((line) => JSON.parse(line)),
          ),
        ).toContain(NAME);
    }
  });

  test('what a command itself prints passes as it is', async () => {
    const text = LABEL.slice(0, 10);
    const passing = [
      ['run', 'x', '--', 'printf', text],
      ['job', 'x', '-v', '--', 'printf', text],
      ['with', '--', 'printf', text],
    ];
    for (const words of passing) expect((await lockstep(words)).stdout).toBe(text);
    expect((await lockstep(['with', '--prefix', '--', 'printf', text])).stdout).toBe(`printf | ${text}\n`);
  });
});

describe('an error that is a bug', () => {
  test.each(['in a call', 'in a callback'])(
    'is reported without one of them, and with its trace: %s',
    async (where) => {
      const thrown = `throw new TypeError('safe' + String.fromCodePoint(0x202e, 10, 0x9b, 0x2028) + 'yolped')`;
      const shim =
        where === 'in a call' ? `fs.lstatSync = () => { ${thrown} }` : `process.on('SIGUSR2', () => { ${thrown} })`;
      const NODE_OPTIONS = `--import="${rig.write('shim.mjs', `import fs from 'node:fs';\n${shim}\n`)}"`;
      const program = rig.lockstep(['beat', 'n'], { env: { NODE_OPTIONS } });
      if (where === 'in a callback') {
        await until('it beats', () => rig.exists('store/beats/n'));
        program.kill('SIGUSR2');
      }
      const { status, stderr } = await program.ended;
      expect(status).toBe(70);
      expect(stderr).toMatch(
        /^lockstep: a bug, please report it: TypeError: safe\\u\{202e\}\\x0a\\x9b\\u\{2028\}yolped\n {4}at /,
      );
      expect(unseenIn({ status, stderr, stdout: '' }, 'beat')).toEqual([]);
    },
  );
});

function textsIn(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  return value !== null && typeof value === 'object' ? Object.values(value).flatMap(textsIn) : [];
}
