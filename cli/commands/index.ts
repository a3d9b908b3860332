import type { CommandModule } from 'yargs';
import pack from '../../package.json' with { type: 'json' };
import { describeProgram, type Program } from '../args/program.ts';
import { verbIn } from '../args/verbs.ts';
import { WITH_COMMAND } from '../args/with-command.ts';
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
import { hot } from './hot/command.ts';
import { job } from './job/command.ts';
import { jobs } from './jobs/command.ts';
import { man } from './man/command.ts';
import { monitor } from './monitor/command.ts';
import { queue } from './queue/command.ts';
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
  hot,
  queue,
  withDaemons,
  beat,
  monitor,
  demo,
  doctor,
  completion,
  man,
] as unknown as CommandModule[];

/** All verbs, in the order of the help. */
export const COMMANDS = [...OTHERS, helpOn([...OTHERS.map(verbIn), 'help'])] as CommandModule[];

/** Their names: `run`, `acquire`, … */
export const VERBS = COMMANDS.map(verbIn);

const GROUPS: Program['groups'] = [
  [
    'Locks',
    [
      'run',
      'acquire',
      'release',
      'wait',
      'edit',
      'event',
      'barrier',
      'counter',
      'queue',
      'hot',
      'with',
      'break',
      'forget',
    ],
  ],
  ['Jobs', ['job', 'jobs', 'beat', 'monitor']],
  ['Inspect', ['status', 'history', 'timeline', 'top', 'doctor']],
  ['Other', ['demo', 'completion', 'man', 'help']],
];

export const PROGRAM: Program = {
  describe: describeProgram,
  commands: COMMANDS,
  groups: GROUPS,
  withCommand: WITH_COMMAND,
  pack,
};
