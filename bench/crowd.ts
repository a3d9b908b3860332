import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { readCounter, writeCounter } from './counter.ts';
import { PythonProgram } from './peers/python.ts';

/** When processes compete and when it is measured, in ms of the clock that all processes of a machine share. */
export interface Window {
  /** Turns before this are not measured. */
  from: number;
  until: number;
}

/** What a process does before it is measured: so many turns at a lock that it shares with one other, for so many ms at most. */
export interface WarmUp {
  turns: number;
  ms: number;
}

export type Command = Window | WarmUp;

/** The turns of one process of a crowd in a window. */
export interface Turns {
  /** All turns, those that are not measured included. */
  counted: number;
  /** The measured ones. */
  own: number;
  /** Those of them before which another process had its turn. */
  changes: number;
  /** How long each `acquire` took that ended in the measured time, in ms, and the last one, which ended after it. */
  waits: number[];
}

/** Processes that compete for one lock on command. Idle until then. */
export interface Crowd {
  /** Lets the processes compile their code. Absent where there is no compiler. */
  warmUp?(command: WarmUp): Promise<void>;
  compete(window: Window): Promise<Turns[]>;
  end(): Promise<void>;
}

/** The time to command them all. */
const LEAD_MS = 50;

const WORKER = fileURLToPath(new URL('./handoff-worker.js', import.meta.url));

/** A crowd of Node processes with one of `TURN_LOCKS`. */
export async function nodeCrowd(kind: string, processes: number, directory: string): Promise<Crowd> {
  const counter = new CountCheck(path.join(directory, 'counter'));
  const workers = Array.from({ length: processes }, (_, at) =>
    fork(WORKER, [kind, directory, counter.file, String(at + 1)]),
  );
  const end = async () => {
    const ends = workers.filter(({ exitCode, signalCode }) => (exitCode ?? signalCode) === null);
    const exits = ends.map((worker) => once(worker, 'exit'));
    for (const worker of ends) worker.disconnect();
    await Promise.all(exits);
  };
  await Promise.all(workers.map(answer)).catch(async (error) => {
    await end();
    throw error;
  });
  const command = (what: Command) => {
    const answers = workers.map(answer);
    for (const worker of workers) worker.send(what);
    return Promise.all(answers);
  };
  return {
    async warmUp(what) {
      await command(what);
    },
    async compete(window) {
      const turns = (await command(window)) as Turns[];
      counter.check(turns);
      return turns;
    },
    end,
  };
}

/** A crowd of Python processes: with `flock` by itself, or with `multiprocessing.Lock`. */
export async function pythonCrowd(
  python: string,
  kind: 'flock' | 'multiprocessing',
  processes: number,
  directory: string,
): Promise<Crowd> {
  const counter = new CountCheck(path.join(directory, 'counter'));
  const args = [kind, String(processes), path.join(directory, 'lock'), counter.file];
  const program = new PythonProgram(python, 'crowd.py', args);
  await program.answer();
  return {
    async compete(window) {
      const turns = (await program.ask(JSON.stringify(window))) as Turns[];
      counter.check(turns);
      return turns;
    },
    end: () => program.end(),
  };
}

/** Has all of a crowd compete for so many ms from now on. */
export function compete(crowd: Crowd, ms: number): Promise<Turns[]> {
  const from = Number(process.hrtime.bigint()) / 1e6 + LEAD_MS;
  return crowd.compete({ from, until: from + ms });
}

function answer(worker: ChildProcess): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const ended = (code: number | null, signal: string | null) =>
      reject(new Error(`handoff: a process ended with ${signal ?? code}`));
    worker.once('exit', ended);
    worker.once('message', (message) => {
      worker.off('exit', ended);
      resolve(message);
    });
  });
}

/** The second detector of an overlap: of two processes that count at once, one is lost. */
class CountCheck {
  readonly #fd: number;
  #expected = 0;

  readonly file: string;

  constructor(file: string) {
    this.file = file;
    this.#fd = fs.openSync(file, 'wx+');
    writeCounter(this.#fd, { value: 0, writer: 0 });
  }

  check(turns: readonly Turns[]): void {
    for (const { counted } of turns) this.#expected += counted;
    const { value } = readCounter(this.#fd);
    if (value !== this.#expected) throw new Error(`handoff: the counter is at ${value}, not at ${this.#expected}`);
  }
}
