import { holdOf, type PastAction, type Span, type Stretch, waitOf } from '../../lib/history/span.ts';

/** What programs read of an entry's time in a line. */
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
    entered: iso(span.enteredAt),
    granted: iso(span.grantedAt),
    ended: iso(span.endedAt),
    waitedMs: rounded(waited),
    heldMs: rounded(holding),
    clockSkew: Boolean(waited?.isSkewed || holding?.isSkewed),
    end,
    reason: reason === '' ? null : reason,
    by: by === '' || by === 'unknown' ? null : by,
    stale,
  };
}

/** The same of what was done to a resource from outside its line. */
export function actionAsJson({ did, at, number, outcome, session, pid, host }: PastAction): object {
  return { what: did, at: iso(at), number, outcome, session, pid, host };
}

function iso(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString();
}

function rounded(stretch: Stretch | null): number | null {
  return stretch && Math.round(stretch.ms);
}
