import { parseArgs } from 'node:util';
import { BREAKABLE, type Breakable } from './worker-setup.ts';

/** The kinds of trouble. Any may be left out, to narrow a finding down. */
export const TROUBLES = ['disk', 'clock', 'inotify', 'kill', 'stop', 'terminate', 'doom', 'container', 'boot'] as const;
export type TroubleName = (typeof TROUBLES)[number];

export interface Settings {
  seed: number;
  seconds: number;
  processes: number;
  /** How long a process may make no progress although nothing prevents it. */
  stuckSeconds: number;
  breaks: Breakable | null;
  without: readonly TroubleName[];
  keep: boolean;
}

export const USAGE = `npm run chaos -- [--seed N] [--seconds 60] [--processes 24] [--stuck-seconds 20] [--keep]
               [--without ${TROUBLES.join('|')}]… [--break ${BREAKABLE.join('|')}]`;

/** @throws {RangeError} or a `TypeError` for an invalid argument */
export function settingsFrom(args: readonly string[]): Settings {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seed: { type: 'string' },
      seconds: { type: 'string', default: '60' },
      processes: { type: 'string', default: '24' },
      'stuck-seconds': { type: 'string', default: '20' },
      break: { type: 'string' },
      without: { type: 'string', multiple: true, default: [] },
      keep: { type: 'boolean', default: false },
    },
  });
  const breaks = BREAKABLE.find((one) => one === values.break) ?? null;
  if (values.break !== undefined && !breaks) throw new RangeError(`--break must be one of ${BREAKABLE.join(', ')}`);
  return {
    seed: wholeNumber('seed', values.seed ?? String(Date.now() % 1_000_000), 0, 2 ** 32 - 1),
    seconds: wholeNumber('seconds', values.seconds, 1, 86_400),
    processes: wholeNumber('processes', values.processes, 2, 500),
    stuckSeconds: wholeNumber('stuck-seconds', values['stuck-seconds'], 5, 600),
    breaks,
    without: values.without.map(troubleNamed),
    keep: values.keep,
  };
}

function troubleNamed(text: string): TroubleName {
  const trouble = TROUBLES.find((one) => one === text);
  if (trouble) return trouble;
  throw new RangeError(`--without must be one of ${TROUBLES.join(', ')}, not ${text}`);
}

function wholeNumber(name: string, text: string, least: number, most: number): number {
  const number = Number(text);
  if (Number.isInteger(number) && number >= least && number <= most) return number;
  throw new RangeError(`--${name} must be a whole number from ${least} to ${most}, not ${text}`);
}
