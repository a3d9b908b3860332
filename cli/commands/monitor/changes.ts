import prettyMs from 'pretty-ms';
import type { BeatState, ReporterStatus } from '../../../lib/heartbeat/index.ts';
import { shown } from '../../text/escape.ts';
import { age, isoTime, localTime } from '../../text/quantities.ts';

/** A reporter whose state has changed. */
export interface Change {
  now: ReporterStatus;
  /** The state that was printed before; `unknown` for the first one. */
  was: BeatState;
}

/** Remembers what was printed of each reporter, to find changes. */
export class Printed {
  #last = new Map<string, Pick<ReporterStatus, 'state' | 'report'>>();

  /** A change is another state, or another reporter of the same name. */
  changes(reporters: readonly ReporterStatus[]): Change[] {
    const last = this.#last;
    this.#last = new Map(reporters.map(({ file, state, report }) => [file, { state, report }]));
    return reporters.flatMap((now) => {
      const before = last.get(now.file);
      const isSame = before?.state === now.state && before.report?.key === now.report?.key;
      return isSame ? [] : [{ now, was: before?.state ?? 'unknown' }];
    });
  }
}

/** `2026-11-23 18:00:01.234  host  late  since …`: one line for a person. */
export function lineOf({ now }: Change): string {
  return shown(`${localTime(Date.now(), 'milliseconds')}  ${now.name}  ${now.state}  ${detailOf(now)}`);
}

function detailOf({ state, since, reason, ageMs, report }: ReporterStatus): string {
  const facts = report?.facts;
  if (state === 'alive') return `pid ${facts?.pid} on ${facts?.host ?? ''}, every ${prettyMs(report?.everyMs ?? 0)}`;
  const when = since === null ? '' : `since ${localTime(since, 'seconds')} `;
  const beat = state === 'ended' || ageMs === null ? '' : `, last heartbeat ${age(ageMs)} before`;
  return `${when}(${reason})${beat}`;
}

/** A reporter, for programs. */
export function asJson({ name, state, since, reason, ageMs, report }: ReporterStatus): object {
  return {
    name,
    state,
    since: isoTime(since),
    reason,
    ageMs: ageMs === null ? null : Math.round(ageMs),
    everyMs: report?.everyMs ?? null,
    pid: report?.facts.pid ?? null,
    host: report?.facts.host ?? null,
    command: report?.label ?? null,
    exitCode: report?.mark?.code ?? null,
  };
}
