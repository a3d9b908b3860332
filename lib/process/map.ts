import { availableParallelism } from 'node:os';
import { MisuseError } from '../errors.ts';
import type { EndSignal, ModuleUrl } from '../node-types.ts';
import { OptionNames } from '../options/option-names.ts';
import { checkWait } from '../primitives/waiting.ts';
import { Mapping } from './mapping.ts';
import { checkTarget, urlOf } from './target.ts';

/** Options of `map`. */
export interface MapOptions {
  /** The module's file, as of a `Process`. */
  module: ModuleUrl | string;
  /** The name under which the function is exported. Default: `default`. It is called with an item and its index. */
  export?: string;
  /** How many processes there are at the same time. Default: as many as the machine has processors for. */
  processes?: number;
  /** How often an item is tried whose process was killed. Default: 3. */
  attempts?: number;
  /** How long all of it may take, in ms. Default: no limit. */
  timeout?: number;
  /** Ends all of it: the processes that run are ended, and `map` rejects with the signal's reason. */
  signal?: EndSignal | undefined;
}

const OPTIONS = new OptionNames<MapOptions>(
  'map(items, …)',
  { module: true, export: true, processes: true, attempts: true, timeout: true, signal: true },
  { string: 'export', number: 'processes' },
);

/**
 * Calls an exported function of a module with each item, in several processes, and resolves to what it returned, in the order of the items.
 *
 * Use it to share out work among the machine's processors. The processes stay: each takes item after item from a `Queue`, so what an item
 * leaves in memory the next one finds. For items that outlive this process, or that several programs or machines work on, use a `Queue` of your own.
 *
 * - *Values:* items and results are transferred as `args` and the result of a `Process` are: not only JSON, up to 256 MiB each.
 * - *Errors:* when the function throws, the processes are ended, and then `map` rejects with that error; as `Promise.all`, but with nothing
 *   left behind. Another process may have begun one more item by then.
 * - *Crash:* an item whose process is killed is given to another one, up to `attempts` times in all, and another process is started. So the
 *   function may be called more than once for an item. If this process dies, those of `map` are ended, too: they are daemons. The queue is in
 *   a directory of its own below that for temporary files, which is removed in either case.
 * - *Main stays* until it is over.
 *
 * @param options.timeout how long all may take, in ms; then the processes are ended. Default: no limit
 * @throws {MisuseError} (rejects) for invalid options, for an item that would not arrive as it is, and in a daemon
 * @throws {LockstepError} (rejects) `RESULT_LOST` if an item's process was killed each time, or ended by itself: the message names the item;
 *   `RESULT_REFUSED` as `Process.result`; `RESULT_TIMEOUT`; `START_FAILED`
 * @throws what the function throws; the signal's reason (both reject)
 * @example
 * import { map } from 'lockstep';
 * const results = await map(['person1'], { module: './sing.js', processes: 2 }); // prints person1 sings
 * console.log(results.length); // prints 1
 */
export async function map<R = unknown, T = unknown>(items: Iterable<T>, options: MapOptions): Promise<R[]> {
  OPTIONS.check(options);
  const { processes = availableParallelism(), attempts = 3, timeout = Number.POSITIVE_INFINITY, signal } = options;
  const { module, export: exported = 'default' } = options;
  checkTarget({ module, export: exported });
  checkWhole('processes', processes);
  checkWhole('attempts', attempts);
  checkWait(options);
  signal?.throwIfAborted();
  const all = [...items];
  if (all.length === 0) return [];
  const target = { module: urlOf(module), export: exported };
  return new Mapping<T, R>(all, { ...target, processes, attempts, timeoutMs: timeout, signal }).run();
}

function checkWhole(option: string, value: number): void {
  if (Number.isSafeInteger(value) && value > 0) return;
  throw new MisuseError(`${option} must be a whole number from 1 up, not ${String(value)}`);
}
