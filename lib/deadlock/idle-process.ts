import type { Kept } from '../line/entry.ts';

/**
 * Whether this process is idle: it has no timer, no socket and no child that could ever release anything, only
 * waits in line. Then all that it holds stays held until one of these waits is over.
 */

/** Waits in line under way in this process; each keeps one timer, or has a check of the process scheduled. */
const waits = new Set<{ kept: readonly Kept[] }>();

/** `kept` is what the wait's own flow of control holds. Returns what ends it. */
export function beginWait(kept: readonly Kept[]): () => void {
  const wait = { kept };
  waits.add(wait);
  return () => {
    waits.delete(wait);
  };
}

/** For each of them, what its flow holds. */
export function waitsUnderWay(): (readonly Kept[])[] {
  return [...waits].map(({ kept }) => kept);
}

/** Checks of this process that are scheduled; a wait that has one keeps no timer meanwhile. */
let looks = 0;

/**
 * Resolves to what `ask` returns if nothing but waits keeps this process alive; to null if something else does.
 *
 * It is called in a turn of the event loop of its own, before which every promise's callback has run: a task that goes
 * on in those keeps nothing alive that could be seen. (A wait may be over in the same turn in which it began, where the
 * process was kept from its processor.)
 */
export function ifIdle<T>(ask: () => T): Promise<T | null> {
  looks += 1;
  return new Promise((resolve) => {
    setImmediate(() => {
      looks -= 1;
      resolve(nothingElseToDo() ? ask() : null);
    });
  });
}

/** To be called for one wait that has neither a timer nor a check scheduled. */
function nothingElseToDo(): boolean {
  const outputs = [process.stdout, process.stderr].flatMap(kindOfOutput);
  let timers = 0;
  let immediates = 0;
  for (const kind of process.getActiveResourcesInfo()) {
    const output = outputs.indexOf(kind);
    if (kind === 'Timeout') timers += 1;
    else if (kind === 'Immediate') immediates += 1;
    // What is still to be written can release nothing.
    else if (output !== -1) outputs.splice(output, 1);
    else return false;
  }
  return immediates <= looks && timers + looks < waits.size;
}

/** The name of an output stream among the active resources. One to a file is not there. */
function kindOfOutput(stream: NodeJS.WriteStream): string[] {
  if (stream.isTTY) return ['TTYWrap'];
  return 'ref' in stream ? ['PipeWrap'] : [];
}
