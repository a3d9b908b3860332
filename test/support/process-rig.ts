import { type ChildProcess, spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { Lock, openStore, Semaphore, type Store, type StoreOptions } from 'lockstep';
import type { AgentSetup, Answer, Order, Report, ResourceSpec } from '../../fixtures/programs/agent.ts';
import type { Answered, Command, Failure } from '../../fixtures/programs/channel.ts';
import type { MemberAnswer, MemberOrder } from '../../fixtures/programs/member.ts';
import type { NesterAnswer, NesterOrder } from '../../fixtures/programs/nester.ts';
import { plainEnvironment } from './plain-environment.ts';

const AGENT = fixture('agent');
/** A hang guard for conditions for which there is no event. */
const UNTIL_MS = 20_000;

/** Signals on which a program can tidy up before it dies. */
const TIDY_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'];

export interface End {
  code: number | null;
  signal: NodeJS.Signals | null;
}

/** Polls. Only for conditions for which there is no event. */
export async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + UNTIL_MS;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`it never came about that ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

/** The pid, in this namespace, of the process that `unshare` has started. */
export function childOf(pid = 0): number {
  return Number(fs.readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ')[0]);
}

/** The path of a built program of fixtures/. */
export function fixture(name: string): string {
  return fileURLToPath(new URL(`../../build/fixtures/programs/${name}.js`, import.meta.url));
}

/** The other end of an agent's channel: commands out, answers and reports in. */
export class Agent<O = Order, A = Answer> {
  /** The pid that the agent itself sees. */
  pid = 0;
  readonly #post: (command: Command<O>) => void;
  readonly #answers = new Map<number, { resolve: (answer: A | Failure) => void; reject: (error: Error) => void }>();
  readonly #reports: Report[] = [];
  #onReport: () => void = () => undefined;
  #commands = 0;
  #gone = false;

  constructor(post: (command: Command<O>) => void) {
    this.#post = post;
  }

  /** Resolves to the answer; rejects if the agent ends before it answers. */
  ask(order: O): Promise<A | Failure> {
    this.#commands += 1;
    const number = this.#commands;
    const answer = new Promise<A | Failure>((resolve, reject) => {
      this.#answers.set(number, { resolve, reject });
    });
    // A test that lets an agent die does not wait for its answers.
    answer.catch(() => undefined);
    if (!this.#gone) this.#post({ number, order });
    return answer;
  }

  /** A command whose answer must be a grant. Resolves to the fencing token. */
  async acquire(this: Agent, resource: ResourceSpec, as = 'lease', ask?: number): Promise<number> {
    const answer = await this.ask({ do: 'acquire', resource, as, ...(ask === undefined ? {} : { ask }) });
    if (answer.is !== 'granted') throw new Error(`not granted: ${JSON.stringify(answer)}`);
    return answer.token;
  }

  async release(this: Agent, as = 'lease'): Promise<void> {
    const answer = await this.ask({ do: 'release', as });
    if (answer.is !== 'released') throw new Error(`not released: ${JSON.stringify(answer)}`);
  }

  /** The next report of a kind, past or to come. */
  async report<K extends Report['is']>(kind: K): Promise<Extract<Report, { is: K }>> {
    for (;;) {
      const at = this.#reports.findIndex(({ is }) => is === kind);
      if (at !== -1) return this.#reports.splice(at, 1)[0] as Extract<Report, { is: K }>;
      if (this.#gone) throw new Error(`the agent ended before it reported ${kind}`);
      await new Promise<void>((resolve) => {
        this.#onReport = resolve;
      });
    }
  }

  hear(report: Report): void {
    if (report.is === 'ready') this.pid = report.pid;
    if (report.is === 'answer') {
      const { answer } = report as Answered<A>;
      this.#answers.get(report.to)?.resolve(answer);
      this.#answers.delete(report.to);
    } else {
      this.#reports.push(report);
      this.#onReport();
    }
  }

  hearEnd(): void {
    this.#gone = true;
    for (const { reject } of this.#answers.values()) reject(new Error('the agent ended before it answered'));
    this.#onReport();
  }
}

/** An agent that is a process of its own. */
export class AgentProcess<O = Order, A = Answer> extends Agent<O, A> {
  readonly child: ChildProcess;
  /** Set by a test that kills it without a chance to tidy up. */
  leavesTraces = false;
  readonly #ended: Promise<End>;

  constructor(child: ChildProcess) {
    super((command) => child.send(command, () => undefined));
    this.child = child;
    child.on('message', (report: Report) => this.hear(report));
    this.#ended = new Promise((resolve) => {
      child.on('exit', (code, signal) => {
        resolve({ code, signal });
        this.hearEnd();
      });
    });
  }

  end(): Promise<End> {
    return this.#ended;
  }

  get ended(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null;
  }

  get endedTidily(): boolean {
    return !this.leavesTraces && (this.child.exitCode !== null || TIDY_SIGNALS.includes(this.child.signalCode ?? ''));
  }

  /** Kills it and resolves when it is gone. */
  kill(signal: NodeJS.Signals): Promise<End> {
    process.kill(this.pid, signal);
    return this.#ended;
  }
}

/** An agent for events, conditions, barriers and counters. */
export type Member = AgentProcess<MemberOrder, MemberAnswer>;
/** An agent whose flows of control nest leases. */
export type Nester = AgentProcess<NesterOrder, NesterAnswer>;

/** A store of its own for one test, and the processes that the test starts. */
export class Rig {
  readonly root: string;
  readonly directory: string;
  readonly #options: StoreOptions;
  readonly #agents: AgentProcess<never, unknown>[] = [];
  readonly #threads: Worker[] = [];

  constructor(options: StoreOptions = {}) {
    this.root = fs.mkdtempSync(path.join(os.tmpdir(), 'lockstep-process-'));
    this.directory = path.join(this.root, 'store');
    this.#options = options;
  }

  get store(): Store {
    return openStore(this.directory, this.#options);
  }

  /** A directory that agents visit, with a counter in it that each visit increases. */
  section(): string {
    const directory = path.join(this.root, 'section');
    fs.mkdirSync(directory);
    fs.writeFileSync(path.join(directory, 'counter'), '0');
    return directory;
  }

  lock(name: string): Lock {
    return new Lock(name, { store: this.store });
  }

  semaphore(name: string, permits: number): Semaphore {
    return new Semaphore(name, permits, { store: this.store });
  }

  /** Starts an agent; `through` is a command line that executes the command appended to it. */
  start(through: readonly string[] = []): Promise<AgentProcess> {
    return this.#start(AGENT, through);
  }

  startMany(count: number): Promise<AgentProcess[]> {
    return Promise.all(Array.from({ length: count }, () => this.start()));
  }

  startMember(): Promise<Member> {
    return this.#start(fixture('member'));
  }

  startMembers(count: number): Promise<Member[]> {
    return Promise.all(Array.from({ length: count }, () => this.startMember()));
  }

  startNester(): Promise<Nester> {
    return this.#start(fixture('nester'));
  }

  startNesters(count: number): Promise<Nester[]> {
    return Promise.all(Array.from({ length: count }, () => this.startNester()));
  }

  /** An agent in a worker thread of the test's own process. */
  async startThread(): Promise<{ agent: Agent; worker: Worker }> {
    const worker = new Worker(AGENT, { workerData: this.#setup(), execArgv: [] });
    this.#threads.push(worker);
    const agent = new Agent((command) => worker.postMessage(command));
    worker.on('message', (report: Report) => agent.hear(report));
    worker.on('exit', () => agent.hearEnd());
    await agent.report('ready');
    return { agent, worker };
  }

  /** Resolves when a resource's line has `count` entries. */
  async inLine(name: string, count: number): Promise<void> {
    let seen = -1;
    await until(`${count} are in line for ${name}`, async () => {
      seen = (await this.store.snapshot(name))?.entries.length ?? 0;
      return seen === count;
    });
  }

  /** Every record in a resource's journals, oldest first. */
  records(name: string): unknown[][] {
    const directory = path.join(this.directory, 'resources', name);
    const journals = fs.readdirSync(directory).filter((file) => file.startsWith('journal.'));
    journals.sort((a, b) => Number(a.slice(8)) - Number(b.slice(8)));
    const text = journals.map((file) => fs.readFileSync(path.join(directory, file), 'utf8')).join('\n');
    return text.split('\n').map((line) => JSON.parse(line) as unknown[]);
  }

  /**
   * The verb of the record that ended an entry. A second, void record may follow, from a waiter that had
   * not yet read the `leave` when it found the leaver's process gone.
   */
  ending(name: string, ticket: number): unknown {
    return this.records(name)
      .find(([verb, , about]) => (verb === 'leave' || verb === 'evict') && about === ticket)
      ?.at(0);
  }

  sessionFiles(pid: number): string[] {
    const names = fs.readdirSync(path.join(this.directory, 'sessions'), { recursive: true }) as string[];
    return names.filter((name) => name.startsWith(`${pid}-`));
  }

  /** Leaves no process and no file behind, and fails if a process that ended tidily left its traces. */
  async stop(): Promise<void> {
    for (const agent of this.#agents) {
      if (agent.ended) continue;
      // Also if the program it was started through then exits, with a status.
      agent.leavesTraces = true;
      // The agent first: the program it was started through may be waiting for it.
      for (const pid of new Set([agent.pid, agent.child.pid ?? 0])) killIfThere(pid);
      await agent.end();
    }
    await Promise.all(this.#threads.map((worker) => worker.terminate()));
    const traces = fs.existsSync(path.join(this.directory, 'sessions'))
      ? this.#agents.filter(({ endedTidily }) => endedTidily).flatMap(({ pid }) => this.sessionFiles(pid))
      : [];
    // Retried: this process's own session may be restoring its file after the removal.
    fs.rmSync(this.root, { recursive: true, force: true, maxRetries: 10, retryDelay: 20 });
    if (traces.length > 0) throw new Error(`left behind by processes that ended tidily: ${traces.join(', ')}`);
  }

  async #start<O, A>(module: string, through: readonly string[] = []): Promise<AgentProcess<O, A>> {
    const [program = '', ...args] = [...through, process.execPath, module, JSON.stringify(this.#setup())];
    const child = spawn(program, args, { stdio: ['ignore', 'inherit', 'pipe', 'ipc'], env: plainEnvironment() });
    // Discards the output of an agent that was commanded to throw.
    child.stderr?.resume();
    const agent = new AgentProcess<O, A>(child);
    this.#agents.push(agent as AgentProcess<never, unknown>);
    await agent.report('ready');
    return agent;
  }

  #setup(): AgentSetup {
    return { directory: this.directory, ...this.#options };
  }
}

function killIfThere(pid: number): void {
  if (pid === 0 || pid === process.pid) return;
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // Already gone.
  }
}
