import { type ChildProcess, spawn } from 'node:child_process';
import type { Findings } from './findings.ts';
import { nowMs } from './life.ts';
import type { Start } from './surroundings.ts';
import type { Weather } from './weather.ts';
import type { WorkerReport } from './worker-setup.ts';

const MOST_SAID = 4_000;

interface MemberOptions {
  findings: Findings;
  weather: Weather;
}

/** One process of the crowd, as its parent sees it. */
export abstract class Member {
  readonly child: ChildProcess;
  readonly ended: Promise<void>;
  readonly doomed: boolean;
  readonly contained: boolean;
  /** How long it has made no progress although nothing prevented it. */
  idleMs = 0;
  /** Its last reported activity. */
  doing = 'starting';
  ready = false;
  killedItself = false;
  protected readonly options: MemberOptions;
  protected said = '';
  readonly #signals = new Set<NodeJS.Signals>();
  #running = true;

  protected constructor(child: ChildProcess, { doomed, contained }: Start, options: MemberOptions) {
    this.child = child;
    this.doomed = doomed;
    this.contained = contained;
    this.options = options;
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      if (this.said.length < MOST_SAID) this.said += text;
    });
    this.ended = new Promise((resolve) => {
      child.once('error', (error) => {
        options.findings.add(`cannot start ${child.spawnfile}: ${error.message}`);
        resolve();
      });
      // Not `close`: another process may still have its streams.
      child.once('exit', (code, signal) => {
        this.#running = false;
        this.killedItself = this.doomed && signal === 'SIGKILL' && !this.#signals.has(signal);
        this.judge(code, signal);
        resolve();
      });
    });
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  get running(): boolean {
    return this.#running;
  }

  /** Signals only until the process is reaped, while its pid cannot be reused. */
  signal(signal: NodeJS.Signals): boolean {
    if (!this.#running) return false;
    this.#signals.add(signal);
    return this.child.kill(signal);
  }

  /** Notes that a process on which this one depends was signalled. */
  disturbed(signal: NodeJS.Signals): void {
    this.#signals.add(signal);
  }

  wasSent(signal: NodeJS.Signals | null): boolean {
    return signal !== null && (this.killedItself || this.#signals.has(signal));
  }

  /** Asks it to end by itself, soon. */
  abstract finish(): void;

  protected abstract judge(code: number | null, signal: NodeJS.Signals | null): void;

  protected describeEnd(code: number | null, signal: NodeJS.Signals | null): string {
    return `pid ${this.pid} (${this.doing}) ended with ${code ?? signal}${this.said && `: ${this.said.trim()}`}`;
  }
}

/** A worker, which uses the library. */
export class WorkerMember extends Member {
  constructor(start: Start, options: MemberOptions) {
    const [program, ...args] = start.words;
    super(spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe', 'ipc'], env: start.env }), start, options);
    this.child.on('message', (report: WorkerReport) => this.#hear(report));
  }

  finish(): void {
    if (this.running && this.child.connected) this.child.send('finish', () => undefined);
  }

  protected judge(code: number | null, signal: NodeJS.Signals | null): void {
    const asTold = code === 0 || this.wasSent(signal);
    if (!asTold || this.said !== '') this.options.findings.add(this.describeEnd(code, signal));
  }

  #hear(report: WorkerReport): void {
    this.ready = true;
    this.idleMs = 0;
    const { findings, weather } = this.options;
    if (report.is === 'at') this.doing = report.what;
    if (report.is === 'forgotten') findings.forgotten += 1;
    if (report.is === 'wrong') findings.add(`pid ${this.pid}: ${report.what}`);
    if (report.is !== 'refused') return;
    if (weather.explains(report.code, report.atMs)) findings.refused(report.code);
    else findings.add(`pid ${this.pid}: there was no reason, but: ${report.message}`);
  }
}

const EXIT = { notAcquired: 75, signal: 128 };
const BY_SIGNAL = { SIGKILL: 9, SIGTERM: 15 } as const;

/** `lockstep run`, which starts a command of its own, in a process group of its own. */
export class CommandMember extends Member {
  readonly #mayFail: boolean;

  /** `mayFail`: its wait is bounded. */
  constructor(start: Start, mayFail: boolean, options: MemberOptions) {
    const [program, ...args] = start.words;
    const { env } = start;
    super(spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'], env, detached: true }), start, options);
    this.#mayFail = mayFail;
    this.ready = true;
    this.doing = args.slice(args.indexOf('run')).join(' ');
  }

  /** Nothing to ask: it does one thing and ends. */
  finish(): void {}

  protected judge(code: number | null, signal: NodeJS.Signals | null): void {
    const { findings, weather } = this.options;
    const refusal = weather.refusal(code, this.said, nowMs());
    if (refusal !== null) findings.refused(refusal);
    else if (code === EXIT.notAcquired && this.#mayFail) findings.refused(`exit ${code}`);
    else if (!(code === 0 && this.said === '') && !this.wasSent(signal) && !this.#diedOf(code))
      findings.add(this.describeEnd(code, signal));
  }

  /** Whether it exits as it should after its command was killed. */
  #diedOf(code: number | null): boolean {
    return (['SIGKILL', 'SIGTERM'] as const).some(
      (signal) => this.wasSent(signal) && code === EXIT.signal + BY_SIGNAL[signal],
    );
  }
}
