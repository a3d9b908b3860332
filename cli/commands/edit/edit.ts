import { DeadlockError, JsonFile, type Lease, LockTimeoutError, StoreError } from '../../../lib/index.ts';
import { nodeHost } from '../../../lib/internal.ts';
import { sayAcquired } from '../../access/acquisition.ts';
import { describeHolders } from '../../access/holder-words.ts';
import { WaitNotice } from '../../access/wait-notice.ts';
import { patienceOf } from '../../args/duration.ts';
import type { WaitingArguments, WordArguments } from '../../args/options.ts';
import { environmentOf } from '../../child/environment.ts';
import { undecodedIn } from '../../child/undecoded.ts';
import { checkRunnable } from '../../child/words.ts';
import { Exit, say, UsageError } from '../../output/exit.ts';
import { filterThrough } from './filter.ts';

export interface EditArguments extends WaitingArguments, WordArguments {
  file: string;
  allowNewOwner: boolean;
  create?: string | undefined;
}

/** EX_DATAERR: the filter's output is no JSON. */
const NOT_JSON = 65;

export async function editFile(args: EditArguments): Promise<void> {
  const { file, words, allowNewOwner } = args;
  if (!words?.length) throw new UsageError('missing filter behind --: lockstep edit FILE.json -- FILTER [ARG…]');
  undecodedIn(words);
  checkRunnable(words, (why) => `${why}; the file is unchanged`);
  const timeout = patienceOf(args);
  const document = new JsonFile(file, startOf(args));
  const notice = WaitNotice.begin(() => document.lock, args);
  const began = nodeHost.clock.monotonicMs();
  const edit = new Edit(document, words, (lease) => {
    notice.end();
    if (args.verbose) sayAcquired(lease, nodeHost.clock.monotonicMs() - began);
  });
  try {
    await edit.run({ timeout, allowNewOwner });
  } catch (error) {
    notice.end();
    throw refusalOf(error, args, edit.hasFiltered);
  } finally {
    notice.end();
  }
}

/** @throws {UsageError} if it is no JSON */
function startOf({ create }: EditArguments): { create?: unknown } {
  if (create === undefined) return {};
  try {
    return { create: JSON.parse(create) };
  } catch (error) {
    throw new UsageError(`--create takes JSON: ${(error as Error).message}`);
  }
}

/** One edit of a file by a filter. */
class Edit {
  readonly #file: JsonFile;
  readonly #words: readonly string[];
  /** Called when the lock is held, before the filter begins: from then on the terminal is the filter's. */
  readonly #onHeld: (lease: Lease) => void;
  /** Whether the filter has ended well: a later error is about its output, or about the file. */
  hasFiltered = false;

  constructor(file: JsonFile, words: readonly string[], onHeld: (lease: Lease) => void) {
    this.#file = file;
    this.#words = words;
    this.#onHeld = onHeld;
  }

  run(options: { timeout: number; allowNewOwner: boolean }): Promise<void> {
    return this.#file.updateBytes((bytes, lease) => this.#filtered(bytes, lease), options);
  }

  async #filtered(bytes: Buffer, lease: Lease): Promise<Buffer> {
    this.#onHeld(lease);
    const env = environmentOf(lease, this.#file.lock.store);
    const output = await filterThrough({ words: this.#words, env }, bytes);
    this.hasFiltered = true;
    return output;
  }
}

/** Reports an error that has a message or an exit code of its own here, and returns the error to throw. */
function refusalOf(error: unknown, args: EditArguments, hasFiltered: boolean): unknown {
  const { file, words, conflictExitCode, quiet } = args;
  if (error instanceof DeadlockError || error instanceof LockTimeoutError) {
    const why = error instanceof DeadlockError ? error.message : notAcquired(file, error);
    if (!quiet) say(why);
    return new Exit(conflictExitCode);
  }
  const isOutput = error instanceof StoreError && ['FILE_NOT_JSON', 'FILE_NOT_UTF8'].includes(error.code);
  if (!isOutput || !hasFiltered) return error;
  const why = error.cause instanceof Error ? error.cause.message : 'it is not UTF-8';
  say(`${file}: ${words?.[0]} printed no JSON (${why}); the file is unchanged`);
  return new Exit(NOT_JSON);
}

function notAcquired(file: string, { holders }: LockTimeoutError): string {
  return `${file}: not acquired: held by ${describeHolders(holders)}`;
}
