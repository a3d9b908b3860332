/**
 * `lockstep/monitor`: which programs report with `heartbeat()` or `lockstep beat`, and whether they still do. Everything
 * here only reads, so root may use it on any user's store.
 *
 * @module lockstep/monitor
 */

import { MisuseError } from '../errors.ts';
import { checkMs, OptionNames } from '../options/option-names.ts';
import type { Store } from '../store/store.ts';
import { readingOf, recordsOf } from '../stores/open-store.ts';
import { Monitor, type MonitorChoice } from './monitor.ts';

export type { ProcessFacts } from '../host/host.ts';
export type { Monitor, ReporterStatus } from './monitor.ts';
export type { EndMark, Report } from './report-file.ts';
export { type BeatState, isWell } from './verdict.ts';

const OPTIONS = new OptionNames<OpenMonitorOptions>(
  'openMonitor(…)',
  { store: true, names: true, maxAgeMs: true },
  { string: 'store' },
);

/** Options of `openMonitor`. */
export interface OpenMonitorOptions extends Partial<MonitorChoice> {
  /** A store, or its directory or URL. Default: `$LOCKSTEP_STORE`, `$LOCKSTEP_DIR`, or the user's own. */
  store?: Store | string | undefined;
}

/**
 * Opens a monitor of the programs that report in a store. Use it where an alert is wanted as soon as one is late or gone. In a store
 * on servers, `await monitor.fetch()` before each look shows it the programs of other machines.
 *
 * @throws {StoreError} if what is there cannot be trusted
 * @throws {MisuseError} for a store that was not opened here, a name that can never be right, or an unknown option
 *
 * @example
 * import { heartbeat } from 'lockstep';
 * import { openMonitor } from 'lockstep/monitor';
 * const beat = heartbeat('importer');
 * console.log(openMonitor().look().map(({ name, state }) => `${name} ${state}`)); // prints [ 'importer alive' ]
 * beat.stop();
 */
export function openMonitor(options: OpenMonitorOptions = {}): Monitor {
  OPTIONS.check(options);
  const { store, names = [], maxAgeMs } = options;
  if (!Array.isArray(names)) throw new MisuseError(`names must be an array of names, not ${typeof names}`);
  checkMs('maxAgeMs', maxAgeMs);
  return new Monitor({ ...readingOf(store), records: recordsOf(store)?.records ?? null, names, maxAgeMs });
}
