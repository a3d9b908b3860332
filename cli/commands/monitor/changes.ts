import prettyMs from 'pretty-ms';
import type { ReporterStatus } from '../../../lib/heartbeat/monitor.ts';
import type { BeatState } from '../../../lib/heartbeat/verdict.ts';
import { shown } from '../../text/escape.ts';
import { age } from '../../text/quantities.ts';

/** What a monitor tells of one name: how it is, and how it was. */
export interface Change {
  now: ReporterStatus;
  /** `unknown` if it was not told before. */
  was: BeatState;
}

/** What was told of each name, so that only what is new is told. */
export class Told {
  #last = new Map<string, Pick<ReporterStatus, 'state' | 'report'>>();

  /** A change is another state, or another reporter. */
  changes(watched: readonly ReporterStatus[]): Change[] {
    const last = this.#last;
    this.#last = new Map(watched.map(({ file, state, report }) => [file, { state, report }]));
    return watched.flatMap((now) => {
      const before = last.get(now.file);
      const isTold = before?.state === now.state && before.report?.key === now.report?.key;
      return isTold ? [] : [{ now, was: before?.state ?? 'unknown' }];
    });
  }
}

/** `2026-11-23T18:00:01.234Z  host  late  since …`: one line for a person. */
export function lineOf({ now }: Change): string {
  return shown(`${new Date().toISOString()}  ${now.name}  ${now.state}  ${detailOf(now)}`);
}

function detailOf({ state, since, reason, ageMs, report }: ReporterStatus): string {
  const facts = report?.facts;
  if (state === 'alive') return `pid ${facts?.pid} on ${facts?.host ?? ''}, every ${prettyMs(report?.everyMs ?? 0)}`;
  const when = since === null ? '' : `since ${new Date(since).toISOString()} `;
  const beat = state === 'ended' || ageMs === null ? '' : `, last beat ${age(ageMs)} before`;
  return `${when}(${reason})${beat}`;
}

/** What programs read. */
export function asJson({ name, state, since, reason, ageMs, report }: ReporterStatus): object {
  return {
    name,
    state,
    since: since === null ? null : new Date(since).toISOString(),
    reason,
    ageMs: ageMs === null ? null : Math.round(ageMs),
    everyMs: report?.everyMs ?? null,
    pid: report?.facts.pid ?? null,
    host: report?.facts.host ?? null,
    command: report?.label ?? null,
    exitCode: report?.mark?.code ?? null,
  };
}
