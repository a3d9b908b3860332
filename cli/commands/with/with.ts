import path from 'node:path';
import type { Process } from '../../../lib/index.ts';
import { messageOf } from '../../../lib/internal.ts';
import { parseDuration } from '../../args/duration.ts';
import type { WordArguments } from '../../args/options.ts';
import { forwardSignals } from '../../child/signals.ts';
import { SIGNAL_BASE } from '../../child/status.ts';
import { undecodedIn } from '../../child/undecoded.ts';
import { checkRunnable } from '../../child/words.ts';
import { EXIT, Exit, say, UsageError } from '../../output/exit.ts';
import { inheritance } from '../../startup/inheritance.ts';
import { shown } from '../../text/escape.ts';
import { filled, widthOf } from '../../text/truncate.ts';
import { Member } from './member.ts';
import { passLines } from './pass-lines.ts';

export interface WithArguments extends WordArguments {
  daemon: string[];
  prefix: boolean;
  grace: string;
}

const LONGEST_NAME = 20;
const STAY_MS = 60_000;

export async function runWithDaemons({ words, daemon, prefix, grace: given }: WithArguments): Promise<void> {
  if (!words?.length) throw new UsageError('missing command behind --: lockstep with [--daemon CMD]… -- MAIN [ARG…]');
  checkRunnable(words, (why) => `with: ${why}`);
  const undecoded = undecodedIn(words);
  const grace = parseDuration(given, '--grace');
  // Each output of a child waits for ours with a listener of its own: many are no leak, of which Node would warn.
  for (const stream of [process.stdout, process.stderr]) stream.setMaxListeners(0);
  const names = namesOf([words[0] as string, ...daemon.map(programOf)]);
  // The words of MAIN and its descriptors are MAIN's alone.
  const handedOn = {
    undecoded: undecoded && { ...undecoded, words: new Map() },
    inherited: { ...inheritance, descriptors: [] },
  };
  const daemons = daemon.map((line, at) => {
    const command = ['/bin/sh', '-c', line];
    const options = { daemon: true, grace };
    return new Member({ command, name: names[at + 1] as string, isRead: prefix, handedOn, options });
  });
  const own = { undecoded, inherited: inheritance };
  const main = new Member({ command: words, name: names[0] as string, isRead: prefix, handedOn: own });
  // Before anything is started, so that no signal ends this process alone.
  forwardSignals({ kill: (signal) => main.process.pid !== null && main.process.kill(signal) });
  // A child's streams do not keep this process alive (`Process`), and their last output would be lost.
  const stay = setInterval(() => undefined, STAY_MS);
  const output = outputOf([...daemons, main], () => clearInterval(stay));
  let isOver: () => void = () => undefined;
  const over = new Promise<void>((resolve) => {
    isOver = resolve;
  });
  const passed = [...daemons, main].map((one) => begin(one, widestOf(names), over));
  for (const one of daemons) void reportEarlyEnd(one.process, main.process);
  const code = (await main.process.join()) as number;
  await Promise.all(daemons.map((one) => one.process.end()));
  isOver();
  await Promise.all(passed);
  clearInterval(stay);
  const status = code < 0 ? SIGNAL_BASE - code : code;
  throw new Exit(output.isLost && status === EXIT.ok ? EXIT.io : status);
}

/** Starts a child. Resolves when all its output has been passed on; once `over` has resolved, all that was its own. */
async function begin(child: Member, width: number, over: Promise<void>): Promise<void> {
  child.start();
  // Only the name is escaped; the rest of a line is the command's own, and passes unchanged.
  const label = `${filled(shown(child.process.name), width)} | `;
  await Promise.all([
    passLines(child.output('stdout'), process.stdout, { label, over }),
    passLines(child.output('stderr'), process.stderr, { label, over }),
  ]);
}

interface OwnOutput {
  /** Whether some of it could not be written, for another reason than that its reader is gone. */
  isLost: boolean;
}

/** When our output cannot be written, closes the children's output, so that they get an error as without us. */
function outputOf(children: readonly Member[], onEnd: () => void): OwnOutput {
  const output: OwnOutput = { isLost: false };
  for (const name of ['stdout', 'stderr'] as const)
    process[name].on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE' && !output.isLost) {
        output.isLost = true;
        say(`with: cannot write to ${name}: ${messageOf(error)}`);
      }
      onEnd();
      for (const child of children) child.output(name)?.destroy();
    });
  return output;
}

/** Reports a daemon that ends before MAIN. */
async function reportEarlyEnd(daemon: Process, main: Process): Promise<void> {
  const code = await daemon.join();
  if (main.isAlive()) say(`with: daemon ${daemon.name} ended before MAIN (${describeEnd(code as number)})`);
}

function describeEnd(code: number): string {
  return code < 0 ? `signal ${-code}` : `exit code ${code}`;
}

/** The first word of a shell line, as the daemon's name. */
function programOf(line: string): string {
  return line.trim().split(/\s+/, 1)[0] ?? '';
}

/** Short unique names. */
function namesOf(programs: readonly string[]): string[] {
  const bases = programs.map((program) => [...path.basename(program)].slice(0, LONGEST_NAME).join('') || 'daemon');
  return bases.map((base, at) => {
    const same = bases.slice(0, at).filter((other) => other === base).length;
    return same === 0 ? base : `${base}#${same + 1}`;
  });
}

function widestOf(names: readonly string[]): number {
  return Math.max(...names.map((name) => widthOf(shown(name))));
}
