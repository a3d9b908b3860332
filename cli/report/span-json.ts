import { holdOf, type PastAction, type Span, type Stretch, waitOf } from '../../lib/history/index.ts';
import { isoTime } from '../text/quantities.ts';

/** An entry's time in a line, for programs. */
export function spanAsJson(span: Span, now: number): object {
  const { ticket, token, session, pid, host, label, ask, held, end, reason, by, stale } = span;
  const [waited, holding] = [waitOf(span, now), holdOf(span, now)];
  return {
    what: 'entry',
    ticket,
    token: held ? token : null,
    session,
    pid,
    host,
    command: label,
    permits: ask === 0 ? 1 : ask,
    shared: ask === 0,
    entered: isoTime(span.enteredAt),
    granted: isoTime(span.grantedAt),
    ended: isoTime(span.endedAt),
    waitedMs: rounded(waited),
    heldMs: rounded(holding),
    clockSkew: Boolean(waited?.isSkewed || holding?.isSkewed),
    end,
    reason: reason === '' ? null : reason,
    by: by === '' || by === 'unknown' ? null : by,
    stale,
  };
}

/** An action on a resource from outside its line, for programs. */
export function actionAsJson({ did, at, number, outcome, session, pid, host }: PastAction): object {
  return { what: did, at: isoTime(at), number, outcome, session, pid, host };
}

function rounded(stretch: Stretch | null): number | null {
  return stretch && Math.round(stretch.ms);
}
