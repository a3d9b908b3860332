import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Host, ProcessState } from '../../lib/host/host.ts';
import { nodeHost } from '../../lib/host/node-host.ts';
import { CommandLifelines } from '../../lib/session/command-lifeline.ts';
import type { Owner } from '../../lib/session/facts.ts';
import { Lifelines } from '../../lib/session/lifeline.ts';
import { commandLifeline } from '../../lib/session/session.ts';

let directory: string;
let descriptors: number[];
let waiting: Array<() => void>;
let state: ProcessState;
let lifelines: Lifelines;

/** Our own process stands for the command; time passes when the test says so. */
const owner: Owner = { key: 'key', facts: nodeHost.processes.self(), relieved: false };
const name = commandLifeline(owner);
const host: Host = {
  ...nodeHost,
  processes: { ...nodeHost.processes, state: () => state },
  clock: {
    ...nodeHost.clock,
    timer(_ms, _keepsAlive, onTime) {
      waiting.push(onTime);
      return () => undefined;
    },
  },
};

beforeEach(() => {
  directory = fs.mkdtempSync(path.join(os.tmpdir(), 'lockstep-command-lifeline-'));
  descriptors = [];
  waiting = [];
  state = nodeHost.processes.state(process.pid, process.pid);
  lifelines = new Lifelines({ host, directory, store: { fileMode: 0o600, directoryMode: 0o700 } });
});

afterEach(() => {
  for (const fd of descriptors) fs.closeSync(fd);
  fs.rmSync(directory, { recursive: true });
});

/** A lifeline that the command has, by a descriptor of its own. */
function watched() {
  const commands = new CommandLifelines({ host, lifelines });
  const lifeline = commands.prepare();
  if (lifeline === null) throw new Error('there can be none');
  const inherited = fs.openSync(`/proc/self/fd/${lifeline.fd}`, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK);
  descriptors.push(inherited);
  commands.watch(owner, lifeline, commands.give(owner, lifeline));
  const closeInherited = () => fs.closeSync(descriptors.pop() as number);
  return { commands, lifeline, closeInherited };
}

/** Runs what waits; what it makes wait anew waits on. */
function passTime(): void {
  for (const onTime of waiting.splice(0)) onTime();
}

test('a lifeline that its living command has closed is removed as soon as that is reported, once it cannot be its end', () => {
  const { lifeline, closeInherited } = watched();
  waiting = [];
  closeInherited();
  lifeline.closed();
  expect(lifelines.grip(name)).toBe('free');
  passTime();
  expect(lifelines.grip(name)).toBe('unknown');
});

test.each<[string, ProcessState]>([
  ['has ended', 'gone'],
  ['has ended, and nobody has reaped it', { start: 1, zombie: true }],
])('one whose command %s stays, and proves it', (_, ended) => {
  const { lifeline, closeInherited } = watched();
  closeInherited();
  lifeline.closed();
  state = ended;
  passTime();
  passTime();
  expect(lifelines.grip(name)).toBe('free');
});

test('one that its command still has stays, whatever was reported', () => {
  const { lifeline } = watched();
  lifeline.closed();
  passTime();
  expect(lifelines.grip(name)).toBe('held');
});

test('one that is closed without a word is found by and by', () => {
  const { closeInherited } = watched();
  passTime();
  closeInherited();
  passTime();
  expect(lifelines.grip(name)).toBe('unknown');
  expect(waiting).toEqual([]);
});

test('one that is entrusted to another process, and that no process holds, is not there', () => {
  const commands = new CommandLifelines({ host, lifelines });
  commands.entrust(owner, commands.prepare());
  expect(lifelines.grip(name)).toBe('unknown');
});
