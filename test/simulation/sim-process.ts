import type { Host } from '../../lib/host/host.ts';
import { answer, type Call, type Dispatch, type Outcome } from './sim-call.ts';
import { type SimIdentity, simHost } from './sim-host.ts';

/** What a program says of itself to the explorer. Nothing that a stopped process says is heard. */
export interface Witness {
  readonly host: Host;
  /** Any call; for the mutations. */
  readonly dispatch: Dispatch;
  /** A record that the library said was applied: `joined 7`, `left 7`. */
  tell(effect: string): void;
  /** Stands in the critical section with this ticket, until it has written the next record. */
  hold(ticket: number): void;
  /** Stops until the journal has news, or a successor, or somebody died. */
  pause(): void;
  /** Waits until everybody alive is there too; they then go on one after the other. */
  gather(stage: number): void;
  /** All that the program itself, and what it does not read from files, is just now. */
  summary: () => string;
}

export type Program = (witness: Witness) => void;

/** No Error: it is thrown at every stop, and a stack trace costs more than the stop. */
const SUSPENDED = Symbol('suspended');

/** A process, stopped before its next call. Determined by the outcomes of the calls before. */
export interface Stop {
  readonly id: number;
  /** Null when its program has ended. */
  readonly call: Call | null;
  /** Invisible to the others, so it is done together with the call before. */
  readonly isPrivate: boolean;
  /** It is about to write its first record; it has written one. */
  readonly isFirstWrite: boolean;
  readonly hasWritten: boolean;
  readonly failure: unknown;
  readonly told: readonly string[];
  /** The ticket with which it believes it holds; 0 if it does not. */
  readonly held: number;
  readonly fds: ReadonlyMap<number, string>;
  /** The inode of the journal it has open, and the id of the content that it has read of it. */
  readonly inode: string;
  readonly seen: number;
  readonly noticedDeath: boolean;
  readonly history: History | null;
  /** Some other histories that led to the same. */
  readonly twins: History[];
  readonly next: Map<string, Stop>;
}

/** How many other histories are checked to be no different, at each stop. */
const MAX_TWINS = 2;

/** Calls of which several come in a row. */
const LISTING: ReadonlySet<string> = new Set(['list', 'look', 'remove', 'removeDirectory']);

interface History {
  readonly before: History | null;
  readonly outcome: Outcome;
}

/**
 * A simulated process as a tree of its possible lives. The library is synchronous and cannot be stopped
 * between two calls, so its program is run again from the start for each new stop, fed the recorded
 * outcomes, and thrown out at the call behind them.
 *
 * Histories that lead to the same state are one from there on. A process's state cannot be compared, so a
 * summary of it is (`Run.summary`). That it leaves nothing out is checked at every stop that two histories
 * led to: whatever happens next, both must lead to the same again.
 */
export class SimProcess {
  readonly name: string;
  readonly pid: number;
  readonly start: Stop;
  readonly #identity: SimIdentity;
  readonly #program: Program;
  readonly #marked = new Map<string, Stop>();
  #stops = 0;

  constructor(identity: SimIdentity, program: Program) {
    this.name = identity.key;
    this.pid = identity.pid;
    this.#identity = identity;
    this.#program = program;
    this.start = this.#run(null).stop;
  }

  get stops(): number {
    return this.#stops;
  }

  /** Where it stops next, if its call had this outcome. */
  after(stop: Stop, outcome: Outcome): Stop {
    let next = stop.next.get(outcome.key);
    if (!next) {
      next = this.#grow(stop, outcome);
      stop.next.set(outcome.key, next);
    }
    return next;
  }

  /** Lives exactly this life, with nothing merged. */
  relive(outcomes: readonly Outcome[]): string {
    let history: History | null = null;
    for (const outcome of outcomes) history = { before: history, outcome };
    return this.#run(history).summary;
  }

  summaryOf(stop: Stop): string {
    return this.#run(stop.history).summary;
  }

  #grow({ history, twins }: Stop, outcome: Outcome): Stop {
    const own = { before: history, outcome };
    const { stop, summary } = this.#run(own);
    for (const twin of twins) {
      const other = this.#run({ before: twin, outcome }).summary;
      if (other !== summary) throw new Error(`two histories were taken for one:\n${summary}\n${other}`);
    }
    const known = this.#marked.get(summary);
    if (!known) {
      this.#marked.set(summary, stop);
      return stop;
    }
    if (known.twins.length < MAX_TWINS) known.twins.push(own);
    return known;
  }

  #run(history: History | null): { stop: Stop; summary: string } {
    const outcomes: Outcome[] = [];
    for (let at = history; at; at = at.before) outcomes.push(at.outcome);
    outcomes.reverse();
    const run = new Run(this.#identity, outcomes, this.#program);
    return { stop: { id: this.#stops++, history, twins: [], next: new Map(), ...run.stop() }, summary: run.summary() };
  }
}

class Run {
  readonly #fds = new Map<number, string>();
  readonly #private = new Set<number>();
  readonly #told: string[] = [];
  readonly #outcomes: readonly Outcome[];
  readonly #ticks: boolean;
  readonly #witness: Witness;
  #at = 0;
  #call: Call | null = null;
  #failure: unknown = null;
  #held = 0;
  #inode = '';
  #looked: unknown = 0;
  #created = '';
  #header = '';
  #openedPath = '';
  #written = '';
  #cameBy = false;
  #judgedAt = '';
  #listed = '';
  /** The calls since the last one that is not made for a listing: opening, publishing and removing have several. */
  #trail: string[] = [];
  /** Its private file is made, and not linked yet. */
  #isPublishing = false;
  #seen = -1;
  #noticedDeath = false;

  constructor(identity: SimIdentity, outcomes: readonly Outcome[], program: Program) {
    this.#outcomes = outcomes;
    this.#ticks = identity.tickMs > 0;
    const dispatch: Dispatch = (call) => this.#dispatch(call);
    this.#witness = {
      host: simHost(identity, dispatch, { local: () => this.#local(), close: (fd) => this.#close(fd) }),
      dispatch,
      tell: (effect) => {
        this.#local();
        this.#told.push(effect);
      },
      hold: (ticket) => {
        this.#local();
        this.#held = ticket;
      },
      pause: () => {
        this.#noticedDeath = dispatch({ op: 'pause' }) as boolean;
      },
      gather: (stage) => void dispatch({ op: 'gather', number: stage }),
      summary: () => '',
    };
    try {
      program(this.#witness);
    } catch (error) {
      if (!this.#call) this.#failure = error;
    }
  }

  stop(): Omit<Stop, 'id' | 'history' | 'twins' | 'next'> {
    const call = this.#call;
    return {
      call,
      isPrivate: call !== null && this.#isPrivate(call),
      isFirstWrite: call?.op === 'write' && !this.#private.has(call.fd ?? 0) && this.#written === '',
      hasWritten: this.#written !== '',
      failure: this.#failure,
      told: this.#told,
      held: this.#held,
      fds: this.#fds,
      inode: this.#inode,
      seen: this.#seen,
      noticedDeath: this.#noticedDeath,
    };
  }

  /**
   * What the rest of its life depends on:
   * - the program's own state, and the call that it is about to do;
   * - the journal: its header, what it has read of it, its other open files, and the names it used last;
   * - the record that it wrote last, and whether that came by, which says where in an append or a rotation it is;
   * - the line as it was when it began to judge who is dead, for it goes through that from end to end;
   * - the listing that it sweeps through, until that is done;
   * - which of the listings of an opening, a rotation or a removal it is about to do: what came before it tells;
   * - whether it has a private file that is not linked yet.
   */
  summary(): string {
    return JSON.stringify([
      this.#call,
      String(this.#failure ?? ''),
      this.#witness.summary(),
      this.#told,
      this.#held,
      [...this.#fds],
      this.#inode,
      this.#seen,
      this.#header,
      this.#openedPath,
      this.#created,
      this.#written,
      this.#cameBy,
      this.#ticks ? this.#looked : 0,
      this.#noticedDeath,
      this.#judgedAt,
      this.#call?.op === 'remove' && this.#call.path !== this.#created ? this.#listed : '',
      LISTING.has(this.#call?.op ?? '') ? this.#trail : '',
      this.#isPublishing,
    ]);
  }

  /**
   * Doing these together with the call before loses no interleaving:
   * - a write into the process's own `next.*`: nobody opens that name, it only gets swept;
   * - reading from position 0: only the header is taken from it, and the header never changes;
   * - the look at a journal's inode, where no clock ticks that would have it compared again, and no epoch is published if
   *   it is the same.
   */
  #isPrivate({ op, fd = -1, number }: Call): boolean {
    if (op === 'write') return this.#private.has(fd);
    if (op === 'look') return !this.#ticks && !this.#isPublishing;
    return op === 'read' && number === 0;
  }

  /** Once stopped, stopped for good: the library may swallow the first exception, or close up in a `finally`. */
  #local(): void {
    if (this.#call) throw SUSPENDED;
  }

  #close(fd: number): void {
    this.#local();
    this.#fds.delete(fd);
    this.#private.delete(fd);
  }

  #dispatch(call: Call): unknown {
    this.#local();
    const outcome = this.#outcomes[this.#at++];
    if (!outcome) {
      this.#call = call;
      throw SUSPENDED;
    }
    if (outcome.inode !== undefined) this.#opened(call, outcome.value as number, outcome.inode);
    if (call.op === 'look') this.#looked = outcome.value;
    if (call.op === 'create') this.#isPublishing = true;
    else if (call.op !== 'write' && call.op !== 'look') this.#isPublishing = false;
    const isOwn = call.op === 'remove' && call.path === this.#created;
    if (!LISTING.has(call.op)) this.#trail = [];
    this.#trail.push(`${call.op}${isOwn ? ' own' : ''}${outcome.error}`);
    if (call.op === 'list') this.#listed = outcome.key;
    if (call.op === 'write' && !this.#private.has(call.fd ?? 0)) this.#wrote(call.text ?? '');
    if (call.op === 'pause' || call.op === 'gather') this.#judgedAt = '';
    if (call.op === 'state' && this.#judgedAt === '') this.#judgedAt = `${this.#inode}:${this.#seen}`;
    if (call.op === 'read' && call.number === 0) this.#header = String(outcome.value).split('\n', 1)[0] ?? '';
    // The position is never 0 for a fold: a journal has a header.
    if (outcome.seen !== undefined && call.number !== 0) this.#folded(String(outcome.value), outcome.seen);
    return answer(call, outcome);
  }

  #wrote(record: string): void {
    this.#written = record;
    // After a seal it goes on in the same way, whether the first one was its own or not.
    this.#cameBy = record.startsWith('\n["seal"');
    this.#held = 0;
  }

  #folded(text: string, seen: number): void {
    this.#seen = seen;
    const at = text.indexOf(this.#written);
    if (at !== -1 && !text.slice(0, at).includes('["seal"')) this.#cameBy = true;
  }

  #opened(call: Call, fd: number, inode: string): void {
    this.#fds.set(fd, inode);
    if (call.op === 'create') {
      this.#private.add(fd);
      this.#created = inode;
    } else {
      this.#inode = inode;
      this.#openedPath = call.path ?? '';
    }
  }
}
