import { isMainThread } from 'node:worker_threads';
import { releaseAll } from './exit-hooks.ts';
import { monotonicMs } from './monotonic.ts';

/*
 * Releases everything before a signal ends the process, as a guest: the signal keeps the effect that it has without us.
 *
 * A handler delays a signal until the event loop turns, which a computation or a blocking call delays in turn. So
 * handlers are there only while there is a reason, and none is there for a caller that blocks (`acquireSync`).
 * They are removed after the loop has polled once more: a signal that came before is in Node's queue by then, and
 * would be lost with its handler.
 */

/**
 * The signals that request an end: Ctrl-C, `kill`, a terminal that closes. Not SIGQUIT, which asks for the process as it is, in
 * a core dump; nor those that report a fault or a limit, or that programs use for purposes of their own.
 */
const SIGNALS: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP'];

/**
 * A worker thread gets no signals. To the first process of a container the kernel delivers no signal that it does not
 * handle: without us it would live on, so there is no end to prepare for.
 */
const canEnd = isMainThread && process.pid !== 1;

/** On the handlers of every copy of this package in the process: they are not the program's own. */
const MARK = Symbol.for('lockstep.end-signal');
/** A fake clock in a test replaces the globals, and would never turn. */
const { setImmediate, setTimeout } = globalThis;

/** A reason that is gone this soon is brief. */
const BRIEF_MS = 50;
/** After this many brief reasons in a row, a program is taken to go on so. */
const MANY = 32;

/** How many there are. */
let reasons = 0;
let isInstalled = false;
let isScheduled = false;
/** When the first turn of the loop ended since the first of the reasons came, in ms; null: none has. */
let turnedAt: number | null = null;
/**
 * Whether the last long reason was gone in the turn in which it came. Then this program does so again and again, and handlers
 * would take several times as long as its whole acquire and release.
 */
let isWithinTurn = false;
/** How many brief ones there were in a row. Processes that pass a lock on would spend as long on handlers as on all the rest. */
let briefs = 0;
let isDelayed = false;
/** Counts the removals that were requested: only the last one counts. */
let removals = 0;
let removal: Promise<void> | undefined;

/**
 * Releases before a signal ends the process, until the returned function is called. `isLong`: there will be a reason for
 * more than this turn of the loop, so handlers are installed now. Otherwise they are when the turn ends, or, after many brief
 * reasons in a row, `BRIEF_MS` later; until then a signal ends the process at once, as it does a blocked one, and what it
 * held is stale.
 */
export function atSignals(isLong: boolean): () => void {
  let isOver = false;
  if (reasons === 0) turnedAt = null;
  reasons += 1;
  if (canEnd && !isInstalled && isLong && !isWithinTurn && briefs < MANY) install();
  scheduleTurn();
  return () => {
    if (isOver) return;
    isOver = true;
    reasons -= 1;
    if (reasons > 0) return;
    if (isLong) noteLength();
    if (isInstalled) removeSoon();
  };
}

/** Resolves when signals have their own effects again, if no reason is left; undefined if they have them now. */
export function signalsRestored(): Promise<void> | undefined {
  return removal;
}

/** Runs a call that blocks; signals keep their own effects meanwhile. */
export function withoutSignalHandlers<T>(block: () => T): T {
  const wasInstalled = isInstalled;
  if (wasInstalled) remove();
  try {
    return block();
  } finally {
    if (wasInstalled && reasons > 0) install();
  }
}

/** The turn ends after its promise callbacks, before the loop goes on. */
function scheduleTurn(): void {
  if (isScheduled) return;
  isScheduled = true;
  queueMicrotask(() =>
    process.nextTick(() => {
      isScheduled = false;
      if (reasons === 0) return;
      turnedAt ??= monotonicMs();
      if (!canEnd || isInstalled) return;
      if (briefs < MANY) install();
      else installLater(BRIEF_MS);
    }),
  );
}

/** Called at the end of the last reason. */
function noteLength(): void {
  isWithinTurn = turnedAt === null;
  briefs = turnedAt === null || monotonicMs() - turnedAt < BRIEF_MS ? briefs + 1 : 0;
}

/** One timer for all reasons: to set and to clear one for each would take longer than it saves. */
function installLater(ms: number): void {
  if (isDelayed) return;
  isDelayed = true;
  setTimeout(() => {
    isDelayed = false;
    if (reasons === 0 || turnedAt === null || isInstalled) return;
    const restMs = turnedAt + BRIEF_MS - monotonicMs();
    if (restMs > 0) installLater(restMs);
    else install();
  }, ms).unref();
}

function removeSoon(): void {
  removals += 1;
  const own = removals;
  removal = new Promise((resolve) => {
    // Between two turns of immediates the loop polls once.
    setImmediate(() =>
      setImmediate(() => {
        if (own === removals) {
          removal = undefined;
          if (reasons === 0 && isInstalled) remove();
        }
        resolve();
      }),
    );
  });
}

function install(): void {
  isInstalled = true;
  for (const signal of SIGNALS) process.prependListener(signal, onSignal);
  process.on('newListener', stayFirst);
}

function remove(): void {
  isInstalled = false;
  process.off('newListener', stayFirst);
  for (const signal of SIGNALS) process.off(signal, onSignal);
}

/** Where the program has a handler of its own, that decides, and everything is still held. */
function onSignal(signal: NodeJS.Signals): void {
  if (hasOwnHandler(signal)) return;
  // Before the release: where that hangs (a disk that does not answer), a second signal ends the process.
  remove();
  releaseAll(null);
  raise(signal);
}
Object.assign(onSignal, { [MARK]: true });

function hasOwnHandler(signal: NodeJS.Signals): boolean {
  const others = process.listeners(signal).filter((listener) => !(MARK in listener));
  return others.length > countSignalExit();
}

/**
 * The handlers of the package signal-exit, which many programs load without knowing: each raises the signal again if all
 * handlers are its own, so they are no decision of the program's. Both of its generations count themselves in public.
 */
function countSignalExit(): number {
  const { __signal_exit_emitter__: third } = process as { __signal_exit_emitter__?: { count?: number } };
  const { [Symbol.for('signal-exit emitter')]: fourth } = globalThis as {
    [key: symbol]: { count?: number } | undefined;
  };
  return (third?.count ?? 0) + (fourth?.count ?? 0);
}

/**
 * Handlers of the program are counted before any of them runs: `process.once` removes one right before it is called,
 * and it must not seem absent then. So ours is the first, also after another one was prepended.
 */
function stayFirst(event: string | symbol, listener: object): void {
  const signal = SIGNALS.find((one) => one === event);
  if (signal === undefined || MARK in listener) return;
  queueMicrotask(() => {
    if (!isInstalled) return;
    // In this order, so that the signal always has a handler: of two, `off` removes the one further back.
    process.prependListener(signal, onSignal);
    process.off(signal, onSignal);
  });
}

/** Windows has no way to send SIGHUP; there every signal that is sent ends a process. */
function raise(signal: NodeJS.Signals): void {
  process.kill(process.pid, process.platform === 'win32' ? 'SIGTERM' : signal);
}
