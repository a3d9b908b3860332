import { nodeHost } from '../../lib/node-host.ts';
import { directoryOf } from '../../lib/open-store.ts';
import { jobDirectory } from '../../lib/run-file.ts';
import { RunHistory, type RunSight } from '../../lib/run-history.ts';
import { MAIN, type Program, type Result, Rig, until } from './rig.ts';

/** A rig for `lockstep job`, and what it left in the store. */
export class JobRig extends Rig {
  /** The runs of a job as its records tell, the newest first. */
  runs(name = 'n'): RunSight[] {
    return new RunHistory(nodeHost, directoryOf(this.storePath)).runs(name);
  }

  /** The newest run of a job. */
  last(name = 'n'): RunSight {
    const [run] = this.runs(name);
    if (!run) throw new Error(`there is no run of ${name}`);
    return run;
  }

  /** The end of the newest run of a job, as its record tells. */
  ended(name = 'n'): unknown {
    return this.last(name).run.ended;
  }

  outcomes(name = 'n'): Array<string | undefined> {
    return this.runs(name).map(({ run, state }) => run.ended?.outcome ?? state);
  }

  jobDirectory(name = 'n'): string {
    return jobDirectory(this.storePath, name);
  }

  job(...args: string[]): Promise<Result> {
    return this.run('job', ...args);
  }

  /**
   * A run that is in until its gate opens, and says so. `in $$` is printed with -v, so that the test hears of it.
   */
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

  /** A line of a crontab, as cron would run it: a shell, hardly an environment, no terminal, no input. */
  cron(line: string): Program {
    const marked = `LOCKSTEP_TEST_RUN=${process.env.LOCKSTEP_TEST_RUN ?? ''}`;
    const environment = ['PATH=/usr/bin:/bin', `LOCKSTEP_DIR=${this.storePath}`, marked];
    const script = `lockstep() { ${process.execPath} ${MAIN} "$@"; }\n${line}`;
    return this.start('/usr/bin/env', ['-i', ...environment, '/bin/sh', '-c', script], { input: '' });
  }

  async waits(name: string, count: number): Promise<void> {
    await until(`${count} runs of ${name} wait in line`, async () => {
      const entries = await this.entries(name);
      return entries.filter(({ state }) => state === 'waiting').length === count;
    });
  }
}
