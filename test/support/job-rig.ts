import fs from 'node:fs';
import path from 'node:path';
import { nodeHost } from '../../lib/host/node-host.ts';
import { outputTail } from '../../lib/jobs/output-tail.ts';
import { jobDirectory, runFile, startText } from '../../lib/jobs/record-format.ts';
import type { Run } from '../../lib/jobs/run.ts';
import { type ObservedRun, RunLog } from '../../lib/jobs/run-log.ts';
import { directoryOf } from '../../lib/stores/open-store.ts';
import { MAIN, type Program, type Result, Rig, until } from './cli-rig.ts';

/** A rig for `lockstep job`, with access to its records in the store. */
export class JobRig extends Rig {
  /** The directory that has the records of runs. */
  get recordsPath(): string {
    return this.storePath;
  }

  /** The runs of a job by its records, newest first. */
  runs(name = 'n'): ObservedRun[] {
    return new RunLog(nodeHost, directoryOf(this.recordsPath)).runs(name);
  }

  /** The newest run of a job. */
  last(name = 'n'): ObservedRun {
    const [run] = this.runs(name);
    if (!run) throw new Error(`there is no run of ${name}`);
    return run;
  }

  /** The end of the newest run of a job, by its record. */
  ended(name = 'n'): unknown {
    return this.last(name).run.ended;
  }

  outcomes(name = 'n'): Array<string | undefined> {
    return this.runs(name).map(({ run, state }) => run.ended?.outcome ?? state);
  }

  jobDirectory(name = 'n'): string {
    return jobDirectory(this.recordsPath, name);
  }

  tail(run: Run): string {
    return outputTail(nodeHost, directoryOf(this.recordsPath), run);
  }

  job(...args: string[]): Promise<Result> {
    return this.run('job', ...args);
  }

  /** A run whose command works until its gate opens. It uses -v, so that the test can wait for `in $$`. */
  worker(gate: string, name: string, ...options: string[]): Program {
    return this.lockstep([
      'job',
      name,
      '-v',
      ...options,
      '--',
      'sh',
      '-c',
      `echo in $$; read -r _ < ${gate}; echo out`,
    ]);
  }

  /** Makes every run of a job `ms` older. */
  backdate(name: string, ms: number): void {
    const directory = this.jobDirectory(name);
    for (const { run } of this.runs(name)) {
      const file = path.join(directory, runFile(run));
      const text = fs.readFileSync(file, 'utf8');
      const older = { ...run, at: run.at - ms };
      fs.writeFileSync(
        path.join(directory, runFile(older)),
        [startText(older), ...text.split('\n').slice(1)].join('\n'),
      );
      fs.rmSync(file);
    }
  }

  /** A line of a crontab, as cron would run it: a shell, a minimal environment, no terminal, no input. */
  cron(line: string): Program {
    const marked = `LOCKSTEP_TEST_RUN=${process.env.LOCKSTEP_TEST_RUN ?? ''}`;
    const environment = ['PATH=/usr/bin:/bin', `LOCKSTEP_DIR=${this.storePath}`, marked];
    const script = `lockstep() { ${process.execPath} ${MAIN} "$@"; }\n${line}`;
    return this.start('/usr/bin/env', ['-i', ...environment, '/bin/sh', '-c', script], { input: '' });
  }

  rewrite(run: Run | undefined, change: (text: string) => string): void {
    const file = path.join(this.jobDirectory(run?.job), run ? runFile(run) : '');
    fs.writeFileSync(file, change(fs.readFileSync(file, 'utf8')));
  }

  /** Commands lead groups of their own, and outlive a wrapper that is killed. */
  override async end(): Promise<void> {
    this.destroyPrograms();
    const history = new RunLog(nodeHost, directoryOf(this.recordsPath));
    for (const { run, state } of history.jobs().flatMap((name) => history.runs(name))) {
      if (state !== 'running') continue;
      const { pid } = run.attempts.at(-1)?.facts ?? { pid: 0 };
      if (pid > 1) this.stray(-pid);
    }
    await super.end();
  }

  async waits(name: string, count: number): Promise<void> {
    await until(`${count} runs of ${name} wait in line`, async () => {
      const entries = await this.entries(name);
      return entries.filter(({ state }) => state === 'waiting').length === count;
    });
  }
}
