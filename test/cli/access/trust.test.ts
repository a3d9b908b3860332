import fs from 'node:fs';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { nodeHost } from '../../../lib/host/node-host.ts';
import { toWire } from '../../../lib/session/facts.ts';
import { type Program, Rig, until } from '../../support/cli-rig.ts';
import { HOUR, runningSince, writeRuns } from '../../support/recorded-run.ts';

/** Writes each signal that it gets into a file, and does nothing else. */
const DECOY = `
for signal in HUP INT QUIT USR1 USR2 PIPE ALRM TERM CONT TSTP TTIN TTOU; do trap "echo $signal >> signals" $signal; done
echo ready
while :; do read -r _ < gate; done
`;
/** What would be a command to a shell that looked at it. */
const COMMANDS = ['$(touch pwned)', '`touch pwned`', '; touch pwned;', "'; touch pwned; '", '"; touch pwned; "'];
const HOST = COMMANDS.join(' ');

let rig: Rig;
beforeEach(() => {
  rig = new Rig();
});
afterEach(() => rig.end());

async function decoy(): Promise<Program> {
  rig.gate('gate');
  const program = rig.start('/bin/sh', ['-c', DECOY]);
  await program.says('ready');
  return program;
}

/** A store in which everything names this process, and says what a shell would run. */
function layStore(pid: number): void {
  const state = nodeHost.processes.state(pid, pid);
  const start = typeof state === 'object' ? state.start : 0;
  const named = { ...nodeHost.processes.self(), pid, tid: pid, start };
  const facts = toWire(named);
  const label = HOST;
  const header = { name: 'x', kind: 'lock', permits: 1, last: 0, token: 0, value: 0, entries: [] };
  const records = ['a', 'b'].map((key, at) => ['enter', `${key}:1`, facts, 1, Date.now() * 1000 + at, label]);
  const journal = [['lockstep', 2, header], ...records].map((record) => JSON.stringify(record)).join('\n');
  const report = { lockstep: 'beat', version: 1, name: 'y', key: 'c', facts, every: 20, since: Date.now(), label };
  fs.mkdirSync(rig.path('store/resources/x'), { recursive: true, mode: 0o700 });
  for (const directory of ['sessions', 'beats']) fs.mkdirSync(rig.path('store', directory), { mode: 0o700 });
  rig.write('store/resources/x/journal.1', journal);
  rig.write('store/beats/y', JSON.stringify(report));
  writeRuns(rig.storePath, [{ ...runningSince(Date.now() - HOUR, { job: 'x', facts: named }), label }], HOST);
  for (const key of ['a', 'b']) rig.write(`store/sessions/${pid}-${key}`, '');
}

/** In this order: the last ones take the entries out. */
const VERBS = [
  ['status'],
  ['status', '--json'],
  ['run', 'x', '-w', '300ms', '--', 'true'],
  ['run', 'x', '-n', '--', 'true'],
  ['wait', 'x', '-w', '100ms'],
  ['acquire', 'x', '--pid', 'PID', '-n'],
  ['monitor', '--once'],
  ['monitor', '--once', '--exec', 'echo "$LOCKSTEP_COMMAND $LOCKSTEP_REASON"'],
  ['beat', 'y', '--stop'],
  ['job', 'x', '--', 'true'],
  ['job', 'x', '--overlap', 'wait', '--wait', '100ms', '--', 'true'],
  ['job', 'x', '--overlap', 'replace', '--wait', '300ms', '--', 'true'],
  ['jobs'],
  ['jobs', '--check', '--json'],
  ['jobs', '--prometheus'],
  ['history', 'x', '--output'],
  ['history', 'x', '--lock'],
  ['timeline', '-o', '-'],
  ['top', '--once'],
  ['completion', 'bash', '--', 'lockstep run '],
  ['doctor', '--fix'],
  ['forget', 'x'],
  ['forget', '--older-than', '0s'],
  ['release', 'x', '--pid', 'PID'],
  ['break', 'x', '--waiting'],
  ['break', 'x'],
  ['run', 'x', '--', 'true'],
  ['job', 'x', '--overlap', 'replace', '--timeout', '1ms', '--', 'sleep', '60'],
];

test('a store whose files name a process that Lockstep did not start: no verb signals it, or runs what they say', async () => {
  const program = await decoy();
  layStore(program.pid);
  // That the decoy tells what it gets.
  program.kill('SIGUSR1');
  await until('the decoy tells', () => rig.exists('signals'));
  let said = '';
  for (const verb of VERBS) {
    const { stdout, stderr } = await rig.run(...verb.map((word) => (word === 'PID' ? String(program.pid) : word)));
    said += stdout + stderr;
  }
  program.kill('SIGUSR2');
  await until('the decoy tells that too', () => rig.read('signals').includes('USR2'));
  expect(rig.read('signals').trim().split('\n')).toEqual(['USR1', 'USR2']);
  expect(program.running).toBe(true);
  expect(said).toContain('$(touch pwned)');
  expect(rig.exists('pwned')).toBe(false);
});
