import { MisuseError } from '../errors.ts';
import { commandLine } from '../host/command-line.ts';
import { OptionNames } from '../options/option-names.ts';
import type { Owner } from './flow.ts';
import type { WaitOptions } from './waiting.ts';

const MAX_LABEL = 200;

/** Options of every `acquire`. */
export interface AcquireOptions extends WaitOptions {
  /** A description of this entry for others, at most 200 characters. Default: this process's command line. */
  label?: string;
  /**
   * Whether to reject with `DeadlockError` when the wait provably cannot end: at once, also with a `timeout`. Default:
   * true. Proof is a cycle of waits in which each waiter is known to keep what the one before it needs;
   * `docs/deadlocks.md` says what is known, and which deadlocks are not reported.
   */
  detectDeadlock?: boolean;
  /** The flow of control that acquires. Default: the one whose code is running. */
  owner?: Owner;
}

/** The options of the four ways to acquire. */
export interface AcquireNames {
  acquire: OptionNames;
  tryAcquire: OptionNames;
  acquireSync: OptionNames;
  tryAcquireSync: OptionNames;
}

/** `more`: the options that one kind of resource has beyond `AcquireOptions`; `instead`: what to do instead of others. */
export function acquireNames<More extends object>(
  more: Record<keyof Required<More>, true>,
  instead: Record<string, string> = {},
): AcquireNames {
  const tries = { signal: true, label: true, detectDeadlock: true, owner: true, ...more } as const;
  const waits = { timeout: true, ...tries } as const;
  const waiting = { number: 'timeout', instead: { ...instead, wait: ': did you mean timeout?' } };
  const trying = { instead: { ...instead, timeout: ', because it does not wait: acquire({ timeout }) does' } };
  return {
    acquire: new OptionNames<AcquireOptions & More>('acquire(…)', waits, waiting),
    tryAcquire: new OptionNames<Omit<AcquireOptions, 'timeout'> & More>('tryAcquire(…)', tries, trying),
    acquireSync: new OptionNames<AcquireOptions & More>('acquireSync(…)', waits, waiting),
    tryAcquireSync: new OptionNames<Omit<AcquireOptions, 'timeout'> & More>('tryAcquireSync(…)', tries, trying),
  };
}

/** Of what has one permit and one mode. */
export const PLAIN_NAMES = acquireNames<object>(
  {},
  {
    mode: ': a Lock is exclusive; RWLock has modes',
    permits: ': Semaphore has permits',
  },
);

/** The description of an entry, for others. @throws {MisuseError} if the caller's is no text */
export function labelOf({ label }: { label?: string | undefined }): string {
  if (label === undefined) return commandLine();
  if (typeof label !== 'string') throw new MisuseError(`label must be a string, not ${typeof label}`);
  return label.length <= MAX_LABEL ? label : label.slice(0, MAX_LABEL);
}
