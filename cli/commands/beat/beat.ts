import {
  Beat,
  checkInterval,
  checkName,
  commandLine,
  directoryOf,
  endReport,
  endShared,
  later,
  nodeHost,
  ownerFor,
  type ProcessFacts,
  recordsOf,
  shortCommand,
  whyGone,
} from '../../../lib/internal.ts';
import { commandOf, pidOf } from '../../access/pid.ts';
import { parseDuration } from '../../args/duration.ts';
import type { StoreArguments, WordArguments } from '../../args/options.ts';
import { commandEnd, type EndOptions } from '../../child/end.ts';
import { whyNotRun } from '../../child/program.ts';
import { forwardSignals } from '../../child/signals.ts';
import { startHeld } from '../../child/start.ts';
import { EXIT, Exit, say, UsageError } from '../../output/exit.ts';
import { messageWithRemedy } from '../../output/remedies.ts';

export interface BeatArguments extends StoreArguments, WordArguments {
  name: string;
  every: string;
  pid?: string | undefined;
  stop: boolean;
}

/** How a command is ended that a signal asked us to end. */
const ENDS: EndOptions = {
  verb: 'beat',
  timeoutMs: Number.POSITIVE_INFINITY,
  signal: 'SIGTERM',
  killAfterMs: 10_000,
  holdDescendants: false,
};
/** The longest time until the end of the process that `--pid` names is noticed. */
const MAX_LOOK_MS = 1_000;

export async function reportAlive(args: BeatArguments): Promise<void> {
  checkTogether(args);
  if (args.stop) return stopReport(args);
  if (args.words?.length) return beatAround(args, args.words);
  return args.pid === undefined ? beatUntilKilled(args) : beatFor(args, args.pid);
}

function checkTogether({ words, pid, stop }: BeatArguments): void {
  if (words?.length === 0) throw new UsageError('missing command behind --: lockstep beat NAME -- CMD [ARG…]');
  if (words && pid !== undefined) throw new UsageError('--pid and a command behind -- exclude each other');
  if (stop && (words || pid !== undefined)) throw new UsageError('--stop takes neither --pid nor a command');
}

async function stopReport({ name, dir }: BeatArguments): Promise<void> {
  checkName(name);
  const open = recordsOf(dir);
  const isHere = endReport(nodeHost, directoryOf(dir), name);
  const isShared = open !== null && (await endShared(open.records, nodeHost.clock, name));
  if (isHere || isShared) return;
  say(`${name}: there is no report to stop`);
  throw new Exit(EXIT.failed);
}

/**
 * Reports while a command runs. The report names the wrapper, not the child, so that the child's end is recorded before a
 * monitor can find the reporting process gone.
 */
async function beatAround(args: BeatArguments, words: readonly string[]): Promise<void> {
  const begin = prepare(args);
  const refusal = whyNotRun(words[0] ?? '');
  if (refusal) {
    say(`beat: ${refusal.message}`);
    // A monitor must learn of that, too.
    const beat = begin(nodeHost.processes.self(), shortCommand(words));
    beat.stop(refusal.status);
    await beat.over;
    throw new Exit(refusal.status);
  }
  const child = await startHeld(words, { ends: 'descendants' });
  const asked = forwardSignals(child);
  const beat = begin(nodeHost.processes.self(), shortCommand(words));
  child.go();
  const { status } = await commandEnd(child, asked, ENDS);
  beat.stop(status);
  await beat.over;
  throw new Exit(status);
}

async function beatUntilKilled(args: BeatArguments): Promise<void> {
  const beat = prepare(args)(nodeHost.processes.self(), commandLine());
  // A heartbeat does not keep its process alive; this process has nothing else to do.
  const stay = setInterval(() => undefined, MAX_LOOK_MS);
  sayIfReplaced(beat.name, await beat.over);
  clearInterval(stay);
}

/** Reports for another process. It is not our child, so its end is polled for. */
async function beatFor(args: BeatArguments, given: string): Promise<void> {
  const begin = prepare(args);
  const pid = pidOf(given, 'beat NAME --pid $$');
  const facts = ownerFor(nodeHost, pid)?.facts;
  if (!facts) throw new UsageError(`--pid ${pid}: there is no such process`);
  const beat = begin(facts, commandOf(pid));
  let cancel = (): void => undefined;
  const look = (): void => {
    if (typeof whyGone(nodeHost.processes, facts, { local: true, since: Date.now() * 1000 }) === 'string')
      beat.abandon();
    else cancel = later(Math.min(everyOf(args), MAX_LOOK_MS), look);
  };
  look();
  sayIfReplaced(beat.name, await beat.over);
  cancel();
}

function sayIfReplaced(name: string, end: 'ended' | 'replaced'): void {
  if (end === 'replaced') say(`${name}: a newer reporter has replaced this one`);
}

/** Checks the arguments and the store before anything is started. */
function prepare(args: BeatArguments): (facts: ProcessFacts, label: string) => Beat {
  const { name, dir } = args;
  checkName(name);
  const everyMs = everyOf(args);
  const directory = directoryOf(dir);
  const records = recordsOf(dir)?.records ?? null;
  const onFailure = (error: Error, triesAgain: boolean) => {
    const message = messageWithRemedy(error);
    say(
      triesAgain ? `${message} The next heartbeat tries again.` : `${name}: its end could not be reported: ${message}`,
    );
  };
  return (facts, label) => new Beat({ host: nodeHost, directory, records, name, everyMs, facts, label, onFailure });
}

function everyOf({ every }: BeatArguments): number {
  const everyMs = Math.round(parseDuration(every, '--every'));
  checkInterval(everyMs);
  return everyMs;
}
