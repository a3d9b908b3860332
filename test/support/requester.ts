import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import type { GrantedLock, LockInfo, LockManagerSnapshot, LockRequestOptions } from 'lockstep';
import type { RequesterOrder, RequesterReport } from '../../fixtures/programs/requester.ts';
import { plainEnvironment } from './plain-environment.ts';

const REQUESTER = fileURLToPath(new URL('../../build/fixtures/programs/requester.js', import.meta.url));

type Kind = RequesterReport['is'];
type ReportOf<K extends Kind> = Extract<RequesterReport, { is: K }>;
type Options = Omit<LockRequestOptions, 'signal'>;

/** The other end of a requester's channel: orders out, reports in. */
export class Requester {
  pid = 0;
  /** Its uncaught errors and warnings. */
  readonly complaints: string[] = [];
  readonly #post: (order: RequesterOrder) => void;
  readonly #reports: RequesterReport[] = [];
  #onReport: Array<() => void> = [];
  #gone = false;
  #orders = 0;

  constructor(post: (order: RequesterOrder) => void) {
    this.#post = post;
  }

  order(order: RequesterOrder): void {
    this.#post(order);
  }

  /** Requests, and resolves when the request is in line, or was refused there. */
  async request(as: string, name: string, options: Options = {}, abortable = false): Promise<void> {
    this.order({ do: 'request', as, name, options, abortable });
    await this.next('requested', as);
  }

  /** Requests, and resolves to the argument of its callback. */
  async called(as: string, name: string, options: Options = {}): Promise<GrantedLock | null> {
    await this.request(as, name, options);
    return (await this.next('called', as)).lock;
  }

  /** Lets a callback end well, and resolves to the outcome of its request. */
  async finish(as: string, value = ''): Promise<unknown> {
    this.order({ do: 'finish', as, value });
    return (await this.next('resolved', as)).value;
  }

  async query(): Promise<LockManagerSnapshot> {
    this.#orders += 1;
    const as = `query ${this.#orders}`;
    this.order({ do: 'query', as });
    return (await this.next('snapshot', as)).snapshot;
  }

  /** The modes of a name's locks in `query`: held, pending. */
  async line(name: string): Promise<[string[], string[]]> {
    const modes = (infos: LockInfo[]) => infos.filter((info) => info.name === name).map(({ mode }) => mode);
    const { held, pending } = await this.query();
    return [modes(held), modes(pending)];
  }

  /** The next report of a kind on a request, past or to come. */
  async next<K extends Kind>(kind: K, as: string): Promise<ReportOf<K>> {
    for (;;) {
      const at = this.#reports.findIndex((report) => report.is === kind && report.as === as);
      if (at !== -1) return this.#reports.splice(at, 1)[0] as ReportOf<K>;
      if (this.#gone) throw new Error(`the requester ended before it reported ${kind} ${as}`);
      await new Promise<void>((resolve) => this.#onReport.push(resolve));
    }
  }

  /** Whether there is a report of that kind, so far. */
  has(kind: Kind, as: string): boolean {
    return this.#reports.some((report) => report.is === kind && report.as === as);
  }

  hear(report: RequesterReport): void {
    if (report.is === 'ready') this.pid = report.pid;
    if (report.is === 'uncaught') this.complaints.push(report.message);
    this.#reports.push(report);
    this.#wake();
  }

  hearEnd(): void {
    this.#gone = true;
    this.#wake();
  }

  #wake(): void {
    const waiting = this.#onReport;
    this.#onReport = [];
    for (const resolve of waiting) resolve();
  }
}

export class RequesterProcess extends Requester {
  readonly #child: ChildProcess;

  constructor(child: ChildProcess) {
    super((order) => child.send(order, () => undefined));
    this.#child = child;
    child.on('message', (report: RequesterReport) => this.hear(report));
    child.on('exit', () => this.hearEnd());
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Kills it, and resolves when it is gone. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.exited();
  }

  async exited(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) await once(this.#child, 'exit');
    // Its last reports may still be on their way.
    if (this.#child.connected) await once(this.#child, 'disconnect');
  }
}

/** A store of its own for one test, and the clients that the test starts. */
export class RequesterRig {
  readonly root = fs.mkdtempSync(path.join(os.tmpdir(), 'lockstep-requesters-'));
  readonly directory = path.join(this.root, 'store');
  readonly #processes: RequesterProcess[] = [];
  readonly #threads: Array<{ requester: Requester; worker: Worker }> = [];

  async start(): Promise<RequesterProcess> {
    const args = [REQUESTER, JSON.stringify({ directory: this.directory })];
    const stdio = ['ignore', 'inherit', 'inherit', 'ipc'] as const;
    const requester = new RequesterProcess(
      spawn(process.execPath, args, { stdio: [...stdio], env: plainEnvironment() }),
    );
    this.#processes.push(requester);
    await requester.next('ready', '');
    return requester;
  }

  startMany<const N extends number>(count: N): Promise<RequesterProcess[]> {
    return Promise.all(Array.from({ length: count }, () => this.start()));
  }

  /** A client in a worker thread of the test's own process. */
  async startThread(): Promise<{ requester: Requester; worker: Worker }> {
    const worker = new Worker(REQUESTER, { workerData: { directory: this.directory }, execArgv: [] });
    const requester = new Requester((order) => worker.postMessage(order));
    this.#threads.push({ requester, worker });
    worker.on('message', (report: RequesterReport) => requester.hear(report));
    worker.on('exit', () => requester.hearEnd());
    await requester.next('ready', '');
    return { requester, worker };
  }

  /** Leaves no process and no file behind. Resolves to the uncaught errors of all clients. */
  async stop(): Promise<string[]> {
    await Promise.all(this.#processes.map((requester) => requester.kill()));
    await Promise.all(this.#threads.map(({ worker }) => worker.terminate()));
    fs.rmSync(this.root, { recursive: true, force: true, maxRetries: 10, retryDelay: 20 });
    const all = [...this.#processes, ...this.#threads.map(({ requester }) => requester)];
    return all.flatMap(({ complaints }) => complaints);
  }
}
