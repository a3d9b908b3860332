import { DeadlockError } from './errors.ts';
import { holdersIn } from './standing.ts';
import type { LineView, OwnEntry } from './store.ts';

/**
 * The deadlock that one process can see by itself: what it waits for is held by itself alone, and nothing
 * is left in it that could ever give it back.
 *
 * It is told only where it is certain. An asynchronous wait is hopeless when the event loop has nothing
 * else to wait for: no timer, no socket, no child, only waits like this one. A blocking one is hopeless
 * whenever this thread is the only holder, since it is the thread that is blocked. Cycles that run
 * through several processes are not seen here.
 */

/** Asynchronous waits under way in this process; each keeps one timer. */
let waits = 0;

export function beginWait(): () => void {
  waits += 1;
  return () => {
    waits -= 1;
  };
}

/** Whether nothing but waits keeps this process alive. To be asked between two looks of the asker's own wait. */
export function nothingElseToDo(): boolean {
  const outputs = [process.stdout, process.stderr].flatMap(kindOfOutput);
  let timers = 0;
  for (const kind of process.getActiveResourcesInfo()) {
    const output = outputs.indexOf(kind);
    if (kind === 'Timeout') timers += 1;
    // What is still to be written can release nothing.
    else if (output !== -1) outputs.splice(output, 1);
    else return false;
  }
  return timers < waits;
}

/** What an output stream is called among the active resources. One to a file is not there. */
function kindOfOutput(stream: NodeJS.WriteStream): string[] {
  if (stream.isTTY) return ['TTYWrap'];
  return 'ref' in stream ? ['PipeWrap'] : [];
}

/**
 * Throws if what an entry of ours waits for is held by this session, alone.
 *
 * @throws {DeadlockError}
 */
export function throwIfHeldByUs(line: LineView | null, waiter: OwnEntry): void {
  // Reading the line may just have found the waiter granted: then the holder that is ours is itself.
  if (waiter.state !== 'waiting') return;
  const holders = (line?.entries ?? []).filter(({ state }) => state === 'holding');
  if (line && holders.length > 0 && holders.every(({ ours, owners }) => ours && owners.length === 1)) {
    throw new DeadlockError(line.name, holdersIn(line));
  }
}
