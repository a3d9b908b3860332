import { constants } from 'node:os';
import { LockstepError } from '../errors.ts';
import type { HeldProcess, ProcessExit } from './held-process.ts';
import { type Outcome, unpackOutcome } from './outcome.ts';
import { runtimeOptions } from './runtime-options.ts';

/** The value that the function of a module's process returned or threw, as its starter learns it. */
export class ModuleResult {
  readonly #name: string;
  readonly #held: HeldProcess;
  #outcome: Promise<Outcome> | null = null;

  /** @param name of the process, for messages */
  constructor(name: string, held: HeldProcess) {
    this.#name = name;
    this.#held = held;
  }

  /** Resolves when there is one, or never will be. Never rejects: if nobody asks for a result, no rejection is unhandled. */
  outcome(): Promise<Outcome> {
    this.#outcome ??= this.#outcomeOf(this.#held);
    return this.#outcome;
  }

  /** @throws what the function threw; {LockstepError} `RESULT_TIMEOUT` without an outcome, `RESULT_REFUSED`, `RESULT_LOST` */
  valueOf(outcome: Outcome | undefined, timeoutMs: number): unknown {
    if (!outcome)
      throw this.#error('RESULT_TIMEOUT', `has no result after ${timeoutMs} ms. It goes on: wait longer, or end() it`);
    return valueIn(outcome, this.#name);
  }

  async #outcomeOf(held: HeldProcess): Promise<Outcome> {
    const bytes = await held.reply();
    try {
      if (bytes) return unpackOutcome(bytes);
    } catch (cause) {
      return { threw: this.#error('RESULT_LOST', 'sent a result that this version of Lockstep cannot read', cause) };
    }
    return { threw: this.#error('RESULT_LOST', describeLoss(await held.exit())) };
  }

  #error(code: string, words: string, cause?: unknown): LockstepError {
    return errorOf(this.#name, code, words, cause);
  }
}

/** Returns the value that a function returned. @throws what it threw; {LockstepError} `RESULT_REFUSED`. @param name of its process, for messages */
export function valueIn(outcome: Outcome, name: string): unknown {
  if ('refused' in outcome) throw errorOf(name, 'RESULT_REFUSED', `has done its work, but ${outcome.refused}`);
  if ('threw' in outcome) throw outcome.threw;
  return outcome.returned;
}

function errorOf(name: string, code: string, words: string, cause?: unknown): LockstepError {
  return new LockstepError(code, `${name} ${words}.`, { operation: 'result', resource: name, cause });
}

/** How a process has ended whose function had not returned. */
export function describeLoss({ code, signal }: ProcessExit): string {
  if (signal !== null)
    return `was ended by ${signal} (signal ${constants.signals[signal]}) before its function had returned: nothing more is known of its work`;
  const options = runtimeOptions();
  const given = options.length > 0 ? `, or Node could not begin with its options (${options.join(' ')})` : '';
  return (
    `ended with exit code ${code} before its function had returned: it called process.exit, or other code in it threw an error ` +
    `(see its stderr), or its event loop was empty while the function's promise was pending${given}`
  );
}
