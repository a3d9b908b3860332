import { isRelease } from '../../line/entry.ts';
import type { Past, PastAction, Span } from '../../store/past.ts';
import type { WatchEvent } from '../client/watch-messages.ts';
import type { DeadEntries } from './dead-entries.ts';
import { sessionOf } from './entry-record.ts';
import type { EtcdLine, LineEntry } from './etcd-line.ts';
import type { NameKeys } from './keys.ts';
import type { LineState } from './line-state.ts';

export interface PastParts {
  readonly name: string;
  readonly keys: NameKeys;
  readonly judge: DeadEntries;
  /** As of `TicketBase`. */
  readonly base: number;
}

const NOBODY = { reason: '', by: '' };
/** Nothing was written but the deletion: etcd did that itself. */
const EXPIRED = { reason: 'its lease ended', by: 'etcd' };

/** Records what happens in a line, revision by revision: the same spans as the journals of a store on disk give. */
export class PastRecorder {
  readonly #parts: PastParts;
  readonly #open = new Map<string, { span: Span; entry: LineEntry }>();
  #line: EtcdLine;
  #spans: Span[] = [];
  #actions: PastAction[] = [];
  #firstAt: number | null = null;
  #order = 0;

  /** @param line as it was when the known past begins */
  constructor(parts: PastParts, line: EtcdLine) {
    this.#parts = parts;
    this.#line = line;
    for (const entry of line.entries) this.#begin(entry, null);
  }

  get line(): EtcdLine {
    return this.#line;
  }

  /** Takes the events of one revision. */
  apply(events: readonly WatchEvent[]): void {
    const [before, after] = [this.#line, this.#line.after(events)];
    this.#line = after;
    const written = events.find(({ type, kv }) => type === 'put' && kv.key.toString() === this.#parts.keys.at);
    const joined = after.entries.find((entry) => entry.modRevision === after.revision && !this.#open.has(idOf(entry)));
    const micros = written ? Number(written.kv.value.toString()) : (joined?.record?.at ?? Number.NaN);
    const at = Number.isFinite(micros) ? micros / 1_000 : null;
    this.#firstAt ??= at;
    const there = new Map(after.entries.map((entry) => [idOf(entry), entry]));
    for (const [id, { span, entry }] of this.#open)
      if (!there.has(id)) this.#end(id, span, { at, entry, isWritten: written !== undefined, after });
    for (const [id, entry] of there) {
      const open = this.#open.get(id);
      if (!open) this.#begin(entry, at);
      else this.#update(open, entry, at);
    }
    this.#act(before, after, at);
    // Its history ends with it, as on disk.
    if (after.state === null && before.state !== null) [this.#spans, this.#actions] = [[], []];
  }

  /** Null if there is no such name now. */
  past(readAt: number, isCut: boolean): Past | null {
    const { state } = this.#line;
    if (state === null) return null;
    for (const { span, entry } of this.#open.values()) span.stale = this.#parts.judge.dead(entry)?.reason ?? null;
    const { kind, permits, value } = state;
    const from = this.#firstAt ?? this.#spans.reduce((latest, { enteredAt }) => Math.max(latest, enteredAt), 0);
    const [spans, actions] = [this.#spans, this.#actions];
    return { name: this.#parts.name, kind, permits, value, spans, actions, from, readAt, damaged: [], isCut };
  }

  #begin(entry: LineEntry, at: number | null): void {
    const { record, place, ask, isAdmitted } = entry;
    const enteredAt = record ? record.at / 1_000 : (at ?? this.#firstAt ?? 0);
    this.#order += 1;
    const span: Span = {
      order: this.#order,
      ticket: this.#parts.base + place,
      token: 0,
      session: record ? sessionOf(record) : '',
      pid: 0,
      host: '',
      label: record?.label ?? 'another program (etcdctl lock)',
      ask,
      enteredAt,
      held: false,
      grantedAt: null,
      endedAt: null,
      end: 'still waiting',
      reason: '',
      by: '',
      stale: null,
    };
    this.#spans.push(span);
    const open = { span, entry };
    this.#open.set(idOf(entry), open);
    this.#update(open, entry, isAdmitted && at !== null ? enteredAt : null);
  }

  #update(open: { span: Span; entry: LineEntry }, entry: LineEntry, at: number | null): void {
    open.entry = entry;
    const { span } = open;
    for (const { facts } of entry.record?.owners ?? []) Object.assign(span, { pid: facts.pid, host: facts.host });
    if (entry.token > 0) span.token = this.#parts.base + entry.token;
    if (!entry.isAdmitted || span.held) return;
    this.#order += 1;
    Object.assign(span, { held: true, grantedAt: at, end: 'still holding' });
  }

  #end(
    id: string,
    span: Span,
    end: { at: number | null; entry: LineEntry; isWritten: boolean; after: EtcdLine },
  ): void {
    const { at, entry, isWritten, after } = end;
    const isStolen = after.entries.some(({ key }) => key === entry.key);
    const eviction = after.whyEnded(entry.place) ?? (isWritten || isStolen ? null : EXPIRED);
    const left = span.held ? 'left' : 'gave up waiting';
    this.#order += 1;
    const isEvicted = eviction !== null && !isRelease(eviction);
    span.end = isStolen || eviction?.reason === 'stolen' ? 'stolen' : isEvicted ? 'evicted' : left;
    Object.assign(span, eviction ?? NOBODY, { endedAt: at });
    this.#open.delete(id);
  }

  /** Records a change of a value from outside of the line. Nobody wrote down who made it, or when. */
  #act({ state: before }: EtcdLine, { state: after }: EtcdLine, at: number | null): void {
    if (!before || !after || before.value === after.value) return;
    const [did, number] =
      after.kind === 'counter'
        ? isTake(before, after)
          ? (['take', before.value - after.value] as const)
          : (['add', after.value - before.value] as const)
        : after.kind === 'event'
          ? ([after.value === 1 ? 'set' : 'clear', null] as const)
          : [null, null];
    if (did === null) return;
    this.#order += 1;
    const unknown = { session: '', pid: null, host: null };
    const outcome = after.kind === 'counter' ? after.value : 0;
    this.#actions.push({ order: this.#order, at, did, number, outcome, ...unknown });
  }
}

function isTake(before: LineState, after: LineState): boolean {
  return (after.takes?.sequence ?? 0) === (before.takes?.sequence ?? 0) + 1;
}

/** A thief has its victim's key. */
function idOf({ key, createRevision, record }: LineEntry): string {
  return `${key} ${createRevision} ${record?.id ?? ''}`;
}
