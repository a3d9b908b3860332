import { shared } from '../copies.ts';
import { readerWatches } from '../host/reader-watch.ts';
import type { Kept } from '../line/entry.ts';

/**
 * Whether this process is idle: it has no timer, no socket and no child that could ever release anything, only
 * waits in line. Then all that it holds stays held until one of these waits is over.
 *
 * Node does not list what may still run code without a reference: a timer or socket after `unref`, a signal handler, and a
 * promise of `Atomics.waitAsync`. A process that has only these, and waits, counts as idle.
 */

/** One wait in line; it keeps one timer, or has a check of the process scheduled. */
export interface WaitUnderWay {
  /** The entries that its own flow of control keeps while it lasts, as far as they are known by now. */
  kept: readonly Kept[];
}

const inProcess = shared('waits/1', () => ({
  waits: new Set<WaitUnderWay>(),
  /** Checks of this process that are scheduled; a wait that has one keeps no timer meanwhile. */
  checks: 0,
}));

export function beginWait(): WaitUnderWay {
  const wait = { kept: [] };
  inProcess.waits.add(wait);
  return wait;
}

export function endWait(wait: WaitUnderWay): void {
  inProcess.waits.delete(wait);
}

/** For each of the waits under way, what its flow keeps. */
export function waitsUnderWay(): (readonly Kept[])[] {
  return [...inProcess.waits].map(({ kept }) => kept);
}

/**
 * Resolves to whether nothing but waits keeps this process alive.
 *
 * It is found out in a turn of the event loop of its own, before which every promise's callback has run: a task that goes
 * on in those keeps nothing alive that could be seen. (A wait may be over in the same turn in which it began, where the
 * process was kept from its processor.)
 */
export function isIdle(): Promise<boolean> {
  inProcess.checks += 1;
  return new Promise((resolve) => {
    setImmediate(() => {
      inProcess.checks -= 1;
      resolve(hasNothingElseToDo());
    });
  });
}

/** To be called for one wait that has neither a timer nor a check scheduled. */
function hasNothingElseToDo(): boolean {
  const { waits, checks } = inProcess;
  const outputs = [process.stdout, process.stderr].flatMap(kindOfOutput);
  let timers = 0;
  let immediates = 0;
  let writes = 0;
  for (const kind of process.getActiveResourcesInfo()) {
    const output = outputs.indexOf(kind);
    if (kind === 'Timeout') timers += 1;
    else if (kind === 'Immediate') immediates += 1;
    // Of a wait, too: it has the death of a holder reported.
    else if (kind === 'SimpleWriteWrap' && writes < readerWatches()) writes += 1;
    // Output that is still to be written can release nothing.
    else if (output !== -1) outputs.splice(output, 1);
    else return false;
  }
  return immediates <= checks && timers + checks < waits.size;
}

/** The name of an output stream among the active resources. One to a file is not there. */
function kindOfOutput(stream: NodeJS.WriteStream): string[] {
  if (stream.isTTY) return ['TTYWrap'];
  return 'ref' in stream ? ['PipeWrap'] : [];
}
