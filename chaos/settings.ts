import { parseArgs } from 'node:util';
import { BREAKABLE, BREAKABLE_ON_ETCD, type Breakable } from './worker-setup.ts';

/** The kinds of trouble. Any may be left out, to narrow a finding down. */
const OF_PROCESSES = ['clock', 'kill', 'stop', 'terminate', 'container'] as const;
export const TROUBLES = {
  disk: ['disk', 'inotify', 'doom', 'boot', ...OF_PROCESSES],
  etcd: ['members', 'partitions', 'outages', 'slow', 'compaction', 'revocation', ...OF_PROCESSES],
} as const;
export type StoreKind = keyof typeof TROUBLES;
export type TroubleName = (typeof TROUBLES)[StoreKind][number];

/** A process on etcd waits for servers that were away, and for leases that end. */
const STUCK_SECONDS = { disk: '20', etcd: '90' };
const PROCESSES = { disk: '24', etcd: '12' };

export interface Settings {
  store: StoreKind;
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
               [--without ${TROUBLES.disk.join('|')}]… [--break ${BREAKABLE.join('|')}]
npm run chaos -- --store etcd [--seed N] [--seconds 60] [--processes 12] [--stuck-seconds 90] [--keep]
               [--without ${TROUBLES.etcd.join('|')}]… [--break ${BREAKABLE_ON_ETCD.join('|')}]`;

/** @throws {RangeError} or a `TypeError` for an invalid argument */
export function settingsFrom(args: readonly string[]): Settings {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seed: { type: 'string' },
      seconds: { type: 'string', default: '60' },
      store: { type: 'string', default: 'disk' },
      processes: { type: 'string' },
      'stuck-seconds': { type: 'string' },
      break: { type: 'string' },
      without: { type: 'string', multiple: true, default: [] },
      keep: { type: 'boolean', default: false },
    },
  });
  const { store } = values;
  if (store !== 'disk' && store !== 'etcd') throw new RangeError(`--store must be disk or etcd, not ${store}`);
  const breakable: readonly Breakable[] = store === 'disk' ? BREAKABLE : BREAKABLE_ON_ETCD;
  const breaks = breakable.find((one) => one === values.break) ?? null;
  if (values.break !== undefined && !breaks) throw new RangeError(`--break must be one of ${breakable.join(', ')}`);
  return {
    store,
    seed: wholeNumber('seed', values.seed ?? String(Date.now() % 1_000_000), 0, 2 ** 32 - 1),
    seconds: wholeNumber('seconds', values.seconds, 1, 86_400),
    processes: wholeNumber('processes', values.processes ?? PROCESSES[store], 2, 500),
    stuckSeconds: wholeNumber('stuck-seconds', values['stuck-seconds'] ?? STUCK_SECONDS[store], 5, 600),
    breaks,
    without: values.without.map((text) => troubleNamed(text, TROUBLES[store])),
    keep: values.keep,
  };
}

function troubleNamed(text: string, troubles: readonly TroubleName[]): TroubleName {
  const trouble = troubles.find((one) => one === text);
  if (trouble) return trouble;
  throw new RangeError(`--without must be one of ${troubles.join(', ')}, not ${text}`);
}

function wholeNumber(name: string, text: string, least: number, most: number): number {
  const number = Number(text);
  if (Number.isInteger(number) && number >= least && number <= most) return number;
  throw new RangeError(`--${name} must be a whole number from ${least} to ${most}, not ${text}`);
}
