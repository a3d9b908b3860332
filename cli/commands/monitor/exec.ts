import { spawn } from 'node:child_process';
import { say } from '../../output/exit.ts';
import { shown } from '../../text/escape.ts';
import { isoTime } from '../../text/quantities.ts';
import type { Change } from './changes.ts';

/**
 * Runs the command of `monitor --exec` once for each change, one at a time. While it runs, only the newest change of each
 * reporter is kept.
 */
export class Reaction {
  readonly #command: string;
  readonly #pending = new Map<string, Change>();
  #running: Promise<void> | null = null;

  constructor(command: string) {
    this.#command = command;
  }

  to(change: Change): void {
    // Changes that the command has not run for yet become one, from the first state to the last.
    const was = this.#pending.get(change.now.file)?.was ?? change.was;
    this.#pending.set(change.now.file, { ...change, was });
    this.#running ??= this.#runAll();
  }

  /** Resolves when the command has run for all changes so far. */
  async done(): Promise<void> {
    await this.#running;
  }

  async #runAll(): Promise<void> {
    for (const [file, change] of this.#pending) {
      this.#pending.delete(file);
      await this.#run(change);
    }
    this.#running = null;
  }

  #run({ now, was }: Change): Promise<void> {
    const facts = now.report?.facts;
    const env = {
      ...process.env,
      LOCKSTEP_NAME: now.name,
      LOCKSTEP_STATE: now.state,
      LOCKSTEP_WAS: was,
      LOCKSTEP_SINCE: isoTime(now.since) ?? '',
      LOCKSTEP_PID: String(facts?.pid ?? ''),
      // It comes from another program's file, and an environment cannot contain a NUL.
      LOCKSTEP_HOST: shown(facts?.host ?? ''),
      LOCKSTEP_REASON: now.reason,
    };
    return new Promise((resolve) => {
      const child = spawn('/bin/sh', ['-c', this.#command], { stdio: ['ignore', 'inherit', 'inherit'], env });
      child.once('error', (error) => {
        say(`cannot run --exec for ${now.name}: ${error.message}`);
        resolve();
      });
      child.once('exit', () => resolve());
    });
  }
}
