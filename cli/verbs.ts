import type { CommandModule } from 'yargs';
import { acquire } from './commands/acquire.ts';
import { barrier } from './commands/barrier.ts';
import { beat } from './commands/beat.ts';
import { breakCommand } from './commands/break.ts';
import { completion } from './commands/completion.ts';
import { counter } from './commands/counter.ts';
import { demo } from './commands/demo.ts';
import { doctor } from './commands/doctor.ts';
import { edit } from './commands/edit.ts';
import { event } from './commands/event.ts';
import { history } from './commands/history.ts';
import { job } from './commands/job.ts';
import { jobs } from './commands/jobs.ts';
import { man } from './commands/man.ts';
import { monitor } from './commands/monitor.ts';
import { release } from './commands/release.ts';
import { run } from './commands/run.ts';
import { status } from './commands/status.ts';
import { timeline } from './commands/timeline.ts';
import { top } from './commands/top.ts';
import { wait } from './commands/wait.ts';
import { withDaemons } from './commands/with.ts';

/** What the command line can do, in the order in which help shows it. */
// Each module has options of its own, and yargs' types know only one kind of command in a list.
export const COMMANDS = [
  run,
  job,
  jobs,
  acquire,
  release,
  status,
  history,
  timeline,
  top,
  wait,
  breakCommand,
  edit,
  event,
  barrier,
  counter,
  withDaemons,
  beat,
  monitor,
  demo,
  doctor,
  completion,
  man,
] as unknown as CommandModule[];

/** Their names: `run`, `acquire`, … */
export const VERBS = COMMANDS.map(({ command }) => String(command).split(' ', 1)[0] ?? '');

/** Those that run a command, whose words are behind `--`. */
export const WITH_COMMAND = ['run', 'job', 'edit', 'with', 'beat', 'completion'];
