import type { CommandModule } from 'yargs';
import { acquire } from './acquire/command.ts';
import { job } from './job/command.ts';
import { release } from './release/command.ts';
import { run } from './run/command.ts';
import { status } from './status/command.ts';

/** The verbs of scripts and crontabs, which are called a thousand times a day: a start of theirs reads the definition of no other verb. */
export const EVERYDAY = [run, job, acquire, release, status] as unknown as CommandModule[];
