import { type ChildProcess, spawn } from 'node:child_process';
import { isMark } from '../../host/mark.ts';
import { perlFile } from '../../host/perl-file.ts';
import type { Clock } from '../../time/clock.ts';
import type { EtcdEntry } from './etcd-entry.ts';
import { PERL_GUARD, SHELL_GUARD } from './guard-script.ts';
import type { KeeperOrder } from './keeper-order.ts';
import type { KeeperProgram } from './keeper-program.ts';

/** How often it is reported that the session lives: a part of the time for which the lease lasts. */
const ALIVE_PART = 0.2;
const MAX_ALIVE_MS = 3_000;
/** A guard that was killed is started again after this long. */
const AGAIN_MS = 200;

/** The facts that a guard must know of the entry beside which it is. */
export interface GuardedEntry extends Pick<EtcdEntry, 'state' | 'isInLine' | 'lease' | 'listen'> {}

export interface CommandGuardOptions {
  readonly own: GuardedEntry;
  readonly order: KeeperOrder;
  /** Of a keeper process. */
  readonly program: KeeperProgram;
  readonly clock: Clock;
  /** Null: there is none. */
  readonly perl?: string | null;
}

/**
 * A small process beside one that owns an entry of ours, as a command does: if this process is killed, it has the entry kept as long
 * as the owner lives; if that cannot be done, it has the owner ended before the entry can end (`guard-script.ts`).
 *
 * It begins with `start()`, and ends when the entry is given back.
 */
export class CommandGuard {
  readonly #options: CommandGuardOptions;
  #process: ChildProcess | null = null;
  #cancelTimer: () => void = () => undefined;

  constructor(options: CommandGuardOptions) {
    this.#options = options;
  }

  /**
   * Resolves when the guard has all that it must know.
   *
   * @throws (rejects) an error if the system starts no process
   */
  async start(): Promise<void> {
    const { own, order, program, perl = perlFile() } = this.#options;
    const [file, script, name] = perl
      ? [perl, ['-e', PERL_GUARD], []]
      : ['/bin/sh', ['-c', SHELL_GUARD], ['lockstep-guard']];
    const asNode = 'electron' in process.versions ? { ELECTRON_RUN_AS_NODE: '1' } : {};
    const child = spawn(file, [...script, ...name, process.execPath, program.file], {
      cwd: '/',
      detached: true,
      // A process that ends the command by its mark, or by that of an enclosing one, must not end the guard first.
      env: { ...Object.fromEntries(Object.entries(process.env).filter(([key]) => !isMark(key))), ...asNode },
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    child.on('error', () => undefined);
    if (child.pid === undefined) throw new Error(`${file} could not be started`);
    child.stdin?.on('error', () => undefined);
    (child.stdin as { unref?: () => void } | null)?.unref?.();
    child.unref();
    const isFirst = this.#process === null;
    this.#process = child;
    child.once('exit', () => this.#ended(child));
    const [, facts] = order.owner;
    if (program.input !== null) this.#send(`program ${program.input}`);
    this.#send(`command ${facts[0]} ${facts[2]}`);
    // A system may not take the program's text at once.
    const isTold = new Promise((resolve) => this.#send(`order ${JSON.stringify(order)}`, resolve));
    this.#reportAlive();
    if (isFirst) own.listen(() => this.#follow());
    await isTold;
  }

  /** The state of the entry has changed. */
  #follow(): void {
    const { state } = this.#options.own;
    if (state === 'holding' || state === 'waiting') return;
    this.#cancelTimer();
    if (state === 'lost') this.#send('lost');
    else {
      this.#send('done');
      this.#process?.stdin?.end();
    }
  }

  #reportAlive(): void {
    const { own, clock } = this.#options;
    const { lease } = own;
    if (!own.isInLine || !lease) return;
    const restMs = lease.remainingMs();
    this.#send(`alive ${Math.floor(restMs)}`);
    this.#cancelTimer();
    const everyMs = Math.min(MAX_ALIVE_MS, lease.ttlMs * ALIVE_PART);
    this.#cancelTimer = clock.timer(everyMs, false, () => this.#reportAlive());
  }

  /** A short line into an empty pipe is written when this returns. */
  #send(line: string, sent: (error: unknown) => void = () => undefined): void {
    this.#process?.stdin?.write(`${line}\n`, sent);
  }

  #ended(child: ChildProcess): void {
    if (this.#process !== child) return;
    const { own, clock } = this.#options;
    this.#cancelTimer();
    clock.timer(AGAIN_MS, false, () => {
      if (!own.isInLine) return;
      // The system may start no more processes now.
      this.start().catch(() => this.#ended(child));
    });
  }
}
