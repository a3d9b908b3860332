import type { Machine } from '../journal/epoch.ts';
import { isCount, type JournalRecord, keyOf, LATEST_MICROS } from '../journal/record.ts';
import { type Action, actionOf } from '../line/action.ts';
import { type Entry, type Eviction, isRelease } from '../line/entry.ts';
import { Line } from '../line/line.ts';
import type { LineObserver } from '../line/observer.ts';
import { isPut, isTaken } from '../line/outcome.ts';
import type { PastAction, Span } from './span.ts';

/** The index of the writer's wall clock in a record. For all other verbs it is 2. */
const PLACE_OF_AT = new Map([
  ['enter', 4],
  ['try', 4],
  ['steal', 3],
  ['leave', 3],
  ['done', 3],
  ['evict', 3],
]);

/** Records what happens in a line, and when, while the epochs of its journal are folded: a line itself forgets that. */
export class SpanRecorder {
  readonly spans: Span[] = [];
  readonly actions: PastAction[] = [];
  /** When the first recorded event happened, in ms. Entries in the line then joined it earlier. */
  firstAt: number | null = null;
  line: Line | null = null;
  readonly #open = new Map<number, { span: Span; entry: Entry }>();
  readonly #facts = new Map<string, { pid: number; host: string }>();
  #record: JournalRecord = ['', ''];
  #at: number | null = null;
  #order = 0;

  /** Begins the next epoch, with this header. @throws {RangeError} if it is not a header */
  begin(header: unknown): Machine {
    const line = new Line(header, this.#observer);
    this.line = line;
    this.#carryOver(line);
    return {
      apply: (record) => this.#apply(line, record),
      header: () => line.header(),
      get isForgotten() {
        return line.isForgotten;
      },
    };
  }

  /** Ends the recording: adds to each span and action its process, and to each open span whether it is stale. */
  close(whyStale: (entry: Entry) => string | null): void {
    for (const { span, entry } of this.#open.values()) {
      this.#note(span, entry);
      span.stale = whyStale(entry);
    }
    for (const action of this.actions) Object.assign(action, this.#facts.get(action.session));
  }

  #apply(line: Line, record: JournalRecord): void {
    this.#record = record;
    this.#at = timeOf(record);
    const before = this.#order;
    const outcome = line.apply(record);
    if (isTaken(outcome) && !outcome.isRepeat) this.#act(record, outcome.left);
    if (isPut(outcome) && !outcome.isRepeat) this.#act(record, outcome.item);
    if (typeof outcome === 'number' && actionOf(record, line.config.kind)) this.#act(record, outcome);
    if (this.#order !== before) this.firstAt ??= this.#at;
  }

  readonly #observer: LineObserver = {
    joined: (entry) => {
      this.#begin(entry, entry.holding ? this.#at : null);
    },
    granted: (entry) => {
      const span = this.#open.get(entry.ticket)?.span;
      if (span) this.#grant(span, entry, this.#at);
    },
    left: (entry) => this.#end(entry, entry.holding ? 'left' : 'gave up waiting'),
    evicted: (entry, eviction) => {
      const other = isRelease(eviction) ? 'left' : 'evicted';
      this.#end(entry, this.#record[0] === 'steal' ? 'stolen' : other, eviction);
    },
  };

  #act([verb, id, , number]: JournalRecord, outcome: number): void {
    this.actions.push({
      order: ++this.#order,
      at: this.#at,
      did: verb as Action['do'],
      number: typeof number === 'number' ? number : null,
      outcome,
      session: keyOf(id),
      pid: null,
      host: null,
    });
  }

  #begin(entry: Entry, grantedAt: number | null): void {
    const span: Span = {
      order: ++this.#order,
      ticket: entry.ticket,
      token: entry.token,
      session: entry.owners[0]?.key ?? '',
      pid: 0,
      host: '',
      label: entry.label,
      ask: entry.ask,
      enteredAt: entry.at / 1000,
      held: entry.holding,
      grantedAt,
      endedAt: null,
      end: entry.holding ? 'still holding' : 'still waiting',
      reason: '',
      by: '',
      stale: null,
    };
    this.spans.push(span);
    this.#open.set(entry.ticket, { span, entry });
    this.#note(span, entry);
  }

  #grant(span: Span, entry: Entry, at: number | null): void {
    this.#order += 1;
    span.held = true;
    span.token = entry.token;
    span.grantedAt = at;
    span.end = 'still holding';
  }

  #end(entry: Entry, end: Span['end'], { reason, by }: Eviction = { reason: '', by: '' }): void {
    const span = this.#open.get(entry.ticket)?.span;
    if (!span) return;
    this.#note(span, entry);
    this.#order += 1;
    span.end = end;
    span.reason = reason;
    span.by = by;
    span.endedAt = this.#at;
    this.#open.delete(entry.ticket);
  }

  #note(span: Span, entry: Entry): void {
    for (const { key, facts } of entry.owners) {
      this.#facts.set(key, { pid: facts.pid, host: facts.host });
      span.pid = facts.pid;
      span.host = facts.host;
    }
  }

  /** Takes over the entries of the header: those known already, and others, of which only the entry is known. */
  #carryOver(line: Line): void {
    const known = new Map(this.#open);
    this.#open.clear();
    for (let entry = line.first; entry; entry = entry.next) {
      const before = known.get(entry.ticket);
      if (before?.entry.id !== entry.id) {
        this.#begin(entry, null);
        continue;
      }
      known.delete(entry.ticket);
      this.#open.set(entry.ticket, { span: before.span, entry });
      if (entry.holding && !before.span.held) this.#grant(before.span, entry, null);
    }
    for (const { span } of known.values()) span.end = 'unknown';
  }
}

/** The time of a record in ms; null if it has none that is valid. */
function timeOf(record: JournalRecord): number | null {
  const at = record[PLACE_OF_AT.get(record[0]) ?? 2];
  return isCount(at) && at <= LATEST_MICROS ? at / 1000 : null;
}
