import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
/** The programs of the scene: each sleeps for $T seconds, and ends with the exit code $E. */
const PROGRAMS = ['deploy', 'ffmpeg', 'report', 'vacuum', 'backup', 'sync'];

interface Work {
  seconds: number;
  /** The options between the name and the command. */
  options?: string;
  exitCode?: number;
}

/** A busy quarter of a minute: two locks and a semaphore with waiters, an event, and two jobs, one of whose runs fails. */
export class Scene {
  readonly store: string;
  readonly #directory: string;
  readonly #running = new Set<ChildProcess>();
  #all: Array<Promise<unknown>> = [];

  constructor(directory: string) {
    this.#directory = directory;
    this.store = path.join(directory, 'store');
    for (const name of PROGRAMS)
      fs.writeFileSync(path.join(directory, name), '#!/bin/sh\nsleep "$T"\nexit "$E"\n', { mode: 0o755 });
  }

  /** Resolves to what `status` says at the busiest moment, and `jobs` at the end. */
  async play(): Promise<{ status: string; jobs: string }> {
    this.#later(this.#jobs());
    this.#run('deploy', './deploy web', { seconds: 1.3 });
    this.#run('render', './ffmpeg intro.mov', { seconds: 2, options: '-p 2' });
    await delay(700);
    this.#run('deploy', './deploy api', { seconds: 1.6 });
    this.#run('render', './ffmpeg trailer.mov', { seconds: 1.4, options: '-p 2' });
    this.#run('report', './report monthly.sql', { seconds: 1.6, options: '-s' });
    await delay(700);
    this.#run('deploy', './deploy hurried', { seconds: 0, options: '-w 1' });
    this.#run('deploy', './deploy worker', { seconds: 1 });
    this.#run('render', './ffmpeg credits.mov', { seconds: 1.8, options: '-p 2' });
    this.#run('report', './report weekly.sql', { seconds: 1.6, options: '-s' });
    await this.#call('event set database-ready');
    this.#run('report', './vacuum', { seconds: 0.9, options: '-x' });
    this.#run('render', './ffmpeg teaser.mov', { seconds: 1.1, options: '-p 2' });
    await delay(400);
    const status = await this.#call('status');
    await delay(1_800);
    await this.#call('event clear database-ready');
    this.#run('deploy', './deploy web', { seconds: 2.5 });
    await delay(1_200);
    await this.#call('break deploy');
    await Promise.all(this.#all);
    return { status, jobs: await this.#call('jobs') };
  }

  timeline(): Promise<string> {
    return this.#call('timeline -o -');
  }

  /** Ends what still runs. */
  async end(): Promise<void> {
    const ended = [...this.#running].map((child) => once(child, 'close'));
    for (const child of this.#running) child.kill();
    await Promise.all(ended);
  }

  async #jobs(): Promise<void> {
    const backups = [0, 0, 0, 3].map((exitCode) => ({ seconds: 1, exitCode, options: '-q' }));
    const syncs = [0, 0, 0].map((exitCode) => ({ seconds: 0.5, exitCode, options: '-q --expect every_5m' }));
    await Promise.all([
      this.#series('nightly-backup', './backup', backups, 800),
      this.#series('sync-calendars', './sync', syncs, 1_600),
    ]);
  }

  async #series(name: string, command: string, runs: readonly Work[], pauseMs: number): Promise<void> {
    for (const work of runs) {
      await this.#call(`job ${name} ${work.options} -- ${command}`, work);
      await delay(pauseMs);
    }
  }

  #run(name: string, command: string, work: Work): void {
    this.#later(this.#call(`run ${name} -q ${work.options ?? ''} -- ${command}`, work));
  }

  #later(work: Promise<unknown>): void {
    this.#all.push(work);
  }

  /** Calls the command line, and resolves to what it prints. In these words `_` stands for a blank within one. */
  async #call(words: string, { seconds, exitCode = 0 }: Work = { seconds: 0 }): Promise<string> {
    const args = words.split(' ').flatMap((word) => (word === '' ? [] : [word.replaceAll('_', ' ')]));
    const env = { ...process.env, LOCKSTEP_DIR: this.store, LANG: 'C.UTF-8', FORCE_COLOR: '1' };
    const child = spawn(process.execPath, [MAIN, ...args], {
      cwd: this.#directory,
      env: { ...env, LC_ALL: '', LOCKSTEP_STORE: '', T: String(seconds), E: String(exitCode) },
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    this.#running.add(child);
    let text = '';
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
    });
    await once(child, 'close');
    this.#running.delete(child);
    return text;
  }
}
