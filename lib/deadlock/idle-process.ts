import type { Kept } from '../line/entry.ts';

/**
 * Whether nothing is left in this process that could ever release anything: no timer, no socket, no child, only
 * waits in line. Then whatever it holds stays held until one of these waits is over.
 */

/** Waits in line under way in this process; each keeps one timer, or has a look at the process to come. */
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

/** Looks at this process that are to come; a wait that has one keeps no timer meanwhile. */
let looks = 0;

/**
 * What `ask` says while nothing but waits keeps this process alive; null if something else does.
 *
 * It is asked in a turn of the event loop of its own, before which every promise's callback has run: a task that goes
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

/** To be asked for one wait that has neither a timer nor a look to come. */
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

/** What an output stream is called among the active resources. One to a file is not there. */
function kindOfOutput(stream: NodeJS.WriteStream): string[] {
  if (stream.isTTY) return ['TTYWrap'];
  return 'ref' in stream ? ['PipeWrap'] : [];
}
