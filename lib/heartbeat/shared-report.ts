import { objectIn } from '../journal/json-object.ts';
import { isCount } from '../journal/record.ts';
import { encodeName } from '../store/name.ts';
import type { Records } from '../store/records.ts';
import type { Clock } from '../time/clock.ts';
import { countdown } from '../time/countdown.ts';
import { byDeadline } from '../time/deadline.ts';
import { type EndMark, markText, parseReport, type Report, reportText } from './report-file.ts';
import type { BeatFound } from './report-writer.ts';

/** A report is put this often at most, however fast its reporter beats: no monitor has less patience than four times that. */
const MIN_PUT_MS = 250;
/** How long the end of a report may take: nobody else can distinguish it from a death. */
const MARK_MS = 2_000;

/** A report as other machines see it. */
export interface SharedReading {
  readonly report: Report;
  /** Grows with every heartbeat. */
  readonly revision: number;
  /** When the reporter beat, by the clock of its machine, in ms since 1970. */
  readonly beatAt: number;
}

/**
 * A reporter's report where other machines see it, in a store on servers: under `beats/<encoded name>`, the text of its file with one
 * more line that has the time of the heartbeat. Each heartbeat puts it anew.
 *
 * The key stays when the reporter dies, as its file does: so a monitor that is started later finds it late. A put is refused where
 * another reporter has put its own report since, or somebody has marked the end of this one.
 */
export class SharedReport {
  readonly #records: Records;
  readonly #clock: Clock;
  readonly #report: Omit<Report, 'mark'>;
  readonly #key: string;
  /** Of our last put; undefined: none is known to have been done. */
  #revision: number | undefined;
  #putAtMs = Number.NEGATIVE_INFINITY;
  #putting: Promise<BeatFound> | null = null;
  /** The newest put has the mark of the end. */
  isMarked = false;

  constructor(records: Records, clock: Clock, report: Omit<Report, 'mark'>) {
    this.#records = records;
    this.#clock = clock;
    this.#report = report;
    this.#key = keyOf(report.name);
  }

  /** Puts a heartbeat. Null if none is due, or the one before is still under way. @throws {StoreError} (rejects) */
  beat(): Promise<BeatFound> | null {
    if (this.#putting !== null || this.#clock.monotonicMs() - this.#putAtMs < MIN_PUT_MS) return null;
    this.isMarked = false;
    return this.#start('', { keepAlive: false });
  }

  /** Puts the mark of the end, after what is under way. @throws {StoreError} (rejects) if that takes longer than 2 s */
  async mark(mark: EndMark): Promise<void> {
    this.isMarked = true;
    const restMs = countdown(this.#clock, MARK_MS);
    const underWay = this.#putting?.then(
      () => undefined,
      () => undefined,
    );
    // A heartbeat keeps no process alive, so the process would end before the mark is put; this wait keeps it.
    if (underWay) await byDeadline(underWay, restMs());
    await this.#start(markText(mark), { timeoutMs: Math.max(0, restMs()) });
  }

  #start(mark: string, options: { keepAlive?: boolean; timeoutMs?: number }): Promise<BeatFound> {
    this.#putAtMs = this.#clock.monotonicMs();
    const beat = JSON.stringify({ beat: Math.floor(this.#clock.wallMicros() / 1_000) });
    const text = `${reportText(this.#report)}\n${beat}${mark}`;
    const putting = this.#put(text, options).finally(() => {
      this.#putting = null;
    });
    this.#putting = putting;
    return putting;
  }

  async #put(text: string, options: { keepAlive?: boolean; timeoutMs?: number }): Promise<BeatFound> {
    const over = this.#revision === undefined ? {} : { over: this.#revision };
    const revision = await this.#records.put(this.#key, text, { ...options, ...over });
    if (revision === null) return this.#look();
    this.#revision = revision;
    return 'ours';
  }

  /** Finds whose report is there now: our own put, if its answer was lost; or another one's. The next heartbeat goes on from there. */
  async #look(): Promise<BeatFound> {
    const [found] = await readShared(this.#records, this.#report.name);
    if (found && found.report.key !== this.#report.key) return 'replaced';
    if (found?.report.mark) return 'marked';
    this.#revision = found?.revision ?? 0;
    return 'ours';
  }
}

/** Reads the reports of all machines, or of one name. A text that is no report is left out. @throws {StoreError} (rejects) */
export async function readShared(records: Records, name?: string): Promise<SharedReading[]> {
  const texts = name === undefined ? await records.all('beats/') : await records.read([keyOf(name)]);
  return texts.flatMap(({ key, text, revision }) => {
    const reading = parseReport(text, key.slice(key.indexOf('/') + 1));
    return 'report' in reading ? [{ report: reading.report, revision, beatAt: beatIn(text) }] : [];
  });
}

/**
 * Marks the end of a name's report on behalf of its reporter, which stops at its next heartbeat, wherever it is. False if there is
 * none.
 *
 * @throws {StoreError} (rejects)
 */
export async function endShared(records: Records, clock: Clock, name: string): Promise<boolean> {
  const key = keyOf(name);
  for (;;) {
    const [found] = await readShared(records, name);
    if (!found) return false;
    const { report, revision, beatAt } = found;
    if (report.mark?.state === 'ended') return true;
    const mark: EndMark = { state: 'ended', code: 0, at: Math.floor(clock.wallMicros() / 1_000) };
    const text = `${reportText(report)}\n${JSON.stringify({ beat: beatAt })}${markText(mark)}`;
    // A heartbeat that came in between is marked instead.
    if ((await records.put(key, text, { over: revision })) !== null) return true;
  }
}

function keyOf(name: string): string {
  return `beats/${encodeName(name)}`;
}

/** 0 in a report without it. */
function beatIn(text: string): number {
  const beats = text.split('\n').map((line) => objectIn(line)?.beat);
  return beats.filter(isCount).at(-1) ?? 0;
}
