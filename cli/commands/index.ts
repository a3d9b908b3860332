import type { CommandModule } from 'yargs';
import { acquire } from './acquire/command.ts';
import { barrier } from './barrier/command.ts';
import { beat } from './beat/command.ts';
import { breakCommand } from './break/command.ts';
import { completion } from './completion/command.ts';
import { counter } from './counter/command.ts';
import { demo } from './demo/command.ts';
import { doctor } from './doctor/command.ts';
import { edit } from './edit/command.ts';
import { event } from './event/command.ts';
import { forget } from './forget/command.ts';
import { helpOn } from './help/command.ts';
import { history } from './history/command.ts';
import { job } from './job/command.ts';
import { jobs } from './jobs/command.ts';
import { man } from './man/command.ts';
import { monitor } from './monitor/command.ts';
import { release } from './release/command.ts';
import { run } from './run/command.ts';
import { status } from './status/command.ts';
import { timeline } from './timeline/command.ts';
import { top } from './top/command.ts';
import { wait } from './wait/command.ts';
import { withDaemons } from './with/command.ts';

/** The cast: yargs' types allow only one type of options in a list. */
const OTHERS = [
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
  forget,
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

const OTHER_VERBS = OTHERS.map(verbIn);

/** All verbs, in the order of the help. */
export const COMMANDS = [...OTHERS, helpOn([...OTHER_VERBS, 'help'])] as CommandModule[];

/** Their names: `run`, `acquire`, … */
export const VERBS = [...OTHER_VERBS, 'help'];

export function verbIn({ command }: CommandModule): string {
  return String(command).split(' ', 1)[0] ?? '';
}

/** The verbs that take words behind `--`. */
export const WITH_COMMAND = ['run', 'job', 'edit', 'with', 'beat', 'completion'];
