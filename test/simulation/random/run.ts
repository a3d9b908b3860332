import { Violation } from '../invariants.ts';
import { type Call, describe, done, type Outcome, perform } from '../sim-call.ts';
import { SimDisk } from '../sim-disk.ts';
import { Beliefs } from './beliefs.ts';
import { Chance } from './chance.ts';
import { type Deed, Ledger } from './ledger.ts';
import type { Scenario } from './scenario.ts';
import type { Thread, Threads } from './thread.ts';
import type { Request, RunCall } from './wire.ts';

export interface Summary {
  steps: number;
  records: number;
  rotations: number;
  deaths: number;
  putAside: number;
  faults: number;
  /** How often a name was forgotten. */
  forgotten: number;
  /** How many takes were done, and how many were answered because of their ids. */
  takes: number;
  repeats: number;
  /** How many items were put, how many were done, and how many were given to one more process. */
  puts: number;
  done: number;
  givenAgain: number;
}

/** The summary of no steps at all. */
export function nothingYet(): Summary {
  return {
    steps: 0,
    records: 0,
    rotations: 0,
    deaths: 0,
    putAside: 0,
    faults: 0,
    forgotten: 0,
    takes: 0,
    repeats: 0,
    puts: 0,
    done: 0,
    givenAgain: 0,
  };
}

/** Past it a run does not end. */
const MAX_STEPS = 20_000;
/** Whoever has looked so often since anything happened, without being let in, never will be. */
const MAX_SLEEPS = 100;
/** What whoever waits does again and again. */
const POLLS = new Set(['sleep', 'read', 'look', 'state']);
const JOURNAL = /^\/resources\/(\w+)\/journal\.(\d+)/;

/** A process that stands before its next call. */
interface Life {
  readonly key: string;
  readonly pid: number;
  readonly start: number;
  readonly namespace: number;
  readonly thread: Thread;
  readonly fds: Map<number, string>;
  call: RunCall;
  /** Until which step it is put aside. */
  asideUntil: number;
  /** How often it has looked in vain since anything happened. */
  sleeps: number;
}

/** Runs a scenario to its end. The same seed gives the same trace. @throws {Violation} with the trace */
export function runAtRandom(scenario: Scenario, threads: Threads, trace: string[] = []): Summary {
  return new RandomRun(scenario, threads, trace).run();
}

class RandomRun {
  readonly #scenario: Scenario;
  readonly #threads: Threads;
  readonly #chance: Chance;
  readonly #trace: string[];
  readonly #disk = new SimDisk();
  readonly #ledgers = new Map<string, Ledger>();
  readonly #beliefs: Beliefs;
  /** By pid: who is there, or a zombie. */
  readonly #table = new Map<number, { start: number; zombie: boolean }>();
  /** By pid, also of those that are gone. */
  readonly #namespaces = new Map<number, number>();
  readonly #lives: Life[] = [];
  readonly #freePids: number[] = [];
  readonly #children: number[] = [];
  readonly #summary = nothingYet();
  #born = 0;
  /** Whoever is there now only looks at what was left behind; nothing happens to it. */
  #isCalm = false;
  #last: Life | null = null;

  constructor(scenario: Scenario, threads: Threads, trace: string[]) {
    this.#scenario = scenario;
    this.#threads = threads;
    this.#trace = trace;
    this.#chance = new Chance(scenario.seed + 0.5);
    for (const resource of scenario.resources) {
      this.#ledgers.set(resource.name, new Ledger(resource, (facts) => this.#isGone(facts)));
    }
    this.#beliefs = new Beliefs(this.#ledgers);
  }

  run(): Summary {
    try {
      for (let n = 0; n < this.#scenario.processes; n++) this.#beBorn(false);
      while (this.#lives.length > 0) this.#step();
      for (const pid of this.#children.splice(0)) this.#table.delete(pid);
      this.#isCalm = true;
      this.#beBorn(true);
      while (this.#lives.length > 0) this.#step();
    } finally {
      for (const { thread } of this.#lives.splice(0)) {
        thread.die();
        this.#threads.giveBack(thread);
      }
    }
    for (const ledger of this.#ledgers.values()) {
      const { epoch, deeds } = ledger;
      this.#summary.rotations += Math.max(0, epoch - 1);
      this.#summary.records += deeds.size;
      for (const deed of deeds.values()) this.#countDeed(deed, ledger);
    }
    return this.#summary;
  }

  #countDeed({ verb, outcome, ended, granted }: Deed, { taken }: Ledger): void {
    if (verb === 'forget' && outcome === 1) this.#summary.forgotten += 1;
    if (verb === 'done') this.#summary.done += ended.length;
    if (typeof outcome === 'object' && outcome !== null && 'item' in outcome) this.#summary.puts += 1;
    for (const { ticket } of granted)
      if (JSON.parse(taken.get(ticket) ?? '[0,0,0]')[2] > 1) this.#summary.givenAgain += 1;
    if (verb !== 'take' || typeof outcome !== 'object' || outcome === null || !('left' in outcome)) return;
    if (outcome.isRepeat) this.#summary.repeats += 1;
    else this.#summary.takes += 1;
  }

  #step(): void {
    if (++this.#summary.steps > MAX_STEPS) throw new Violation(`it does not end within ${MAX_STEPS} steps`);
    if (this.#isCalm) this.#goOn(this.#lives[0] as Life);
    else this.#stepAtRandom();
  }

  #stepAtRandom(): void {
    const { odds, births, processes, deaths } = this.#scenario;
    if (this.#born < processes + births && this.#lives.length < processes && this.#chance.happens(0.02)) {
      this.#beBorn(false);
    }
    if (this.#children.length > 0 && this.#chance.happens(0.01)) this.#endChild();
    const life = this.#pick();
    this.#last = life;
    if (this.#summary.deaths < deaths && this.#chance.happens(odds.death)) this.#kill(life);
    // Whoever sleeps goes on late enough.
    else if (life.sleeps === 0 && this.#chance.happens(odds.putAside)) this.#putAside(life);
    else this.#goOn(life);
  }

  /** Who goes on next. Whoever sleeps mostly goes on when nobody is awake. */
  #pick(): Life {
    const there = this.#lives.filter(({ asideUntil }) => asideUntil <= this.#summary.steps);
    const awake = there.filter(({ call }) => call.op !== 'sleep');
    if (awake.length > 0 && !(there.length > awake.length && this.#chance.happens(0.05))) {
      const goesOn = this.#last && awake.includes(this.#last) && !this.#chance.happens(this.#scenario.odds.switch);
      return goesOn && this.#last ? this.#last : this.#chance.of(awake);
    }
    if (there.every(({ sleeps }) => sleeps > MAX_SLEEPS / 4)) this.#wakeTheWorld(there);
    return this.#chance.of(there.length > 0 ? there : this.#lives);
  }

  /** All who are there sleep, and nothing happens: it is time for those who were put aside, and for children to end. */
  #wakeTheWorld(there: readonly Life[]): void {
    for (const life of this.#lives) life.asideUntil = 0;
    if (this.#children.length > 0) this.#endChild();
    if (there.length < this.#lives.length) this.#somethingHappens();
    if (!this.#lives.every(({ sleeps }) => sleeps > MAX_SLEEPS)) return;
    const lines = [...this.#ledgers.values()].map(({ name, line }) => `${name}: ${line?.header()}`);
    throw new Violation(`nobody goes on: ${this.#lives.map(({ key }) => key).join(', ')}\n${lines.join('\n')}`);
  }

  #goOn(life: Life): void {
    const { call } = life;
    const outcome = this.#perform(life, call);
    this.#note(life.key, describe(call as Call, outcome));
    if (outcome.inode !== undefined) life.fds.set(outcome.value as number, outcome.inode);
    if (call.op === 'sleep') life.sleeps += 1;
    else if (!POLLS.has(call.op)) this.#somethingHappens();
    this.#stops(life, life.thread.goOn(outcome.value ?? null, outcome.error));
  }

  /** It has come to its next call, or to its end. */
  #stops(life: Life, request: Request): void {
    for (const fd of request.closed) life.fds.delete(fd);
    for (const told of request.told) {
      if (told.it !== 'sees') this.#note(life.key, JSON.stringify(told));
    }
    if (!('ended' in request)) {
      life.call = request.call;
    } else {
      this.#lives.splice(this.#lives.indexOf(life), 1);
      this.#threads.giveBack(life.thread);
      this.#isOver(life);
      if (request.failure !== null) throw new Violation(`${life.key} failed: ${request.failure}`);
    }
    const hasFailed = request.told.some(({ it }) => it === 'failed');
    if (hasFailed && this.#summary.faults === 0) throw new Violation(`${life.key} failed, and no call did`);
    for (const told of request.told) this.#beliefs.hears(life.key, told);
    if ('ended' in request) this.#beliefs.ended(life.key);
  }

  #perform(life: Life, call: RunCall): Outcome {
    switch (call.op) {
      case 'sleep':
      case 'work':
        return done(null);
      case 'touch':
        this.#beliefs.poked(life.key, call.path ?? '');
        return done(true);
      case 'fork':
        return done(this.#fork(life));
      case 'state':
        return done(this.#stateOf(life, call.number ?? 0, call.path));
      default:
        return this.#performOnDisk(life, call as Call);
    }
  }

  /** With a path: whether the lifeline there is held. A pid of another namespace means nothing: then nobody has it. */
  #stateOf({ namespace }: Life, pid: number, path?: string): { start: number; zombie: boolean } | 'gone' {
    const there = this.#table.get(pid) ?? 'gone';
    if (path === undefined) return this.#namespaces.get(pid) === namespace ? there : 'gone';
    const isHeld = path.endsWith('.life')
      ? this.#lives.some(({ key }) => path.endsWith(`/${pid}-${key}.life`))
      : there !== 'gone' && !there.zombie;
    return isHeld ? { start: 0, zombie: false } : 'gone';
  }

  #performOnDisk(life: Life, call: Call): Outcome {
    const { faults, odds } = this.#scenario;
    const fails = !this.#isCalm && this.#summary.faults < faults && this.#chance.happens(odds.fault);
    const outcome = (fails ? this.#fail(life, call) : null) ?? this.#succeed(life, call);
    if (call.op === 'rename' && outcome.error === '') this.#begun(call.to ?? '');
    const journal = JOURNAL.exec(call.to ?? call.path ?? life.fds.get(call.fd ?? -1) ?? '');
    const ledger = this.#ledgers.get(journal?.[1] ?? '');
    if (!journal || !ledger) return outcome;
    if (call.op === 'write') this.#beliefs.wrote(life.key, ledger.name, idOf(call.text ?? ''));
    if (call.op === 'link' && outcome.value === true) this.#linked(ledger, Number(journal[2]), call.to ?? '');
    if (call.op === 'link' || call.op === 'remove') this.#checkHighest(ledger);
    const isFold = call.op === 'read' && (call.number ?? 0) > 0;
    if (isFold) this.#beliefs.read(life.key, ledger.name, life.fds.get(call.fd ?? -1) === ledger.inode);
    return outcome;
  }

  #succeed(life: Life, call: Call): Outcome {
    if (call.op !== 'write') return perform(this.#disk, life.fds, call);
    return this.#write(life, call, call.text ?? '');
  }

  /**
   * As a disk that is full or a limit that is reached would. Null if such a call does not fail. (Reads do not: after a
   * write that nobody can read back, nobody can say what counts.)
   */
  #fail(life: Life, call: Call): Outcome | null {
    const outcome = this.#failureOf(life, call);
    if (outcome) this.#summary.faults += 1;
    return outcome;
  }

  #failureOf(life: Life, call: Call): Outcome | null {
    const { op, text = '' } = call;
    if (op === 'create' || op === 'link' || op === 'rename') return failed('ENOSPC');
    if (op === 'openForAppend' || op === 'list' || op === 'readText') return failed('EMFILE');
    if (op !== 'write') return null;
    const how = this.#chance.whole(0, 3);
    if (how === 0) return failed('ENOSPC');
    // In part, or as a whole though the answer is an error.
    if (how === 1) return { ...this.#write(life, call, text), value: undefined, error: 'EIO' };
    return this.#write(life, call, text.slice(0, this.#chance.whole(0, text.length - 1)));
  }

  #write({ fds }: Life, { fd = -1 }: Call, text: string): Outcome {
    const inode = fds.get(fd);
    if (inode === undefined) return failed('EBADF');
    this.#disk.append(inode, text);
    for (const ledger of this.#ledgers.values()) if (ledger.inode === inode) ledger.appended(text);
    return done(text.length);
  }

  #linked(ledger: Ledger, epoch: number, path: string): void {
    const inode = this.#disk.inodeAt(path) ?? '';
    ledger.linked(epoch, inode, this.#disk.contentOf(inode).text);
  }

  #begun(directory: string): void {
    const ledger = this.#ledgers.get(directory.slice('/resources/'.length));
    if (!ledger) throw new Violation(`${directory} is no resource's directory`);
    const epoch = this.#highestOf(ledger);
    // It was emptied just before, and is as good as none.
    if (epoch === 0) return;
    const inode = this.#disk.inodeAt(`${directory}/journal.${epoch}`) ?? '';
    ledger.begun(epoch, inode, this.#disk.contentOf(inode).text);
  }

  #highestOf({ name }: Ledger): number {
    const names = this.#disk.list(`/resources/${name}`) ?? [];
    return Math.max(0, ...names.map((each) => Number(/^journal\.(\d+)$/.exec(each)?.[1] ?? 0)));
  }

  #checkHighest(ledger: Ledger): void {
    const { name, epoch, isForgotten } = ledger;
    const highest = this.#highestOf(ledger);
    if (isForgotten && highest === 0) return;
    if (highest !== epoch) throw new Violation(`${name}: epoch ${epoch} was deleted while it was the highest`);
  }

  #beBorn(isLast: boolean): void {
    const { scenario, pid } = { scenario: this.#scenario, pid: this.#newPid() };
    const key = `p${++this.#born}`;
    const start = 1_000 + this.#summary.steps;
    this.#table.set(pid, { start, zombie: false });
    this.#beliefs.born(key);
    const thread = this.#threads.take();
    const wallMicros = this.#chance.whole(50, 500);
    const namespace = scenario.namespaces === 1 ? 1 : this.#chance.whole(1, scenario.namespaces);
    this.#namespaces.set(pid, namespace);
    const life = {
      key,
      pid,
      start,
      namespace,
      thread,
      fds: new Map(),
      call: { op: 'work' } as RunCall,
      asideUntil: 0,
      sleeps: 0,
    };
    this.#lives.push(life);
    this.#note(key, `is born as pid ${pid}`);
    this.#somethingHappens();
    this.#stops(
      life,
      thread.start({ key, pid, start, namespace, wallMicros, seed: this.#chance.seed(), scenario, isLast }),
    );
  }

  #newPid(): number {
    const free = this.#scenario.reusesPids ? this.#freePids.pop() : undefined;
    return free ?? 101 + this.#born;
  }

  #kill(life: Life): void {
    const { call, key, thread } = life;
    this.#summary.deaths += 1;
    const text = call.text ?? '';
    const torn = call.op === 'write' && this.#chance.happens(0.5) ? this.#chance.whole(1, text.length) : 0;
    if (torn > 0) this.#write(life, call as Call, text.slice(0, torn));
    this.#note(
      key,
      `is killed before ${JSON.stringify(call)}${torn > 0 ? `, of which ${torn} bytes are written` : ''}`,
    );
    thread.die();
    this.#threads.giveBack(thread);
    this.#lives.splice(this.#lives.indexOf(life), 1);
    this.#isOver(life);
    this.#beliefs.died(key);
  }

  /** Nobody reaps some of the dead. */
  #isOver({ pid, start }: Life): void {
    if (this.#chance.happens(0.3)) {
      this.#table.set(pid, { start, zombie: true });
    } else {
      this.#table.delete(pid);
      this.#freePids.push(pid);
    }
    this.#somethingHappens();
  }

  #putAside(life: Life): void {
    this.#summary.putAside += 1;
    life.asideUntil = this.#summary.steps + this.#chance.whole(20, 400);
    this.#note(life.key, `is put aside until step ${life.asideUntil}`);
  }

  #fork({ namespace }: Life): number {
    const pid = 901 + this.#children.length + this.#summary.steps;
    this.#children.push(pid);
    this.#table.set(pid, { start: 1_000 + this.#summary.steps, zombie: false });
    this.#namespaces.set(pid, namespace);
    return pid;
  }

  #endChild(): void {
    const pid = this.#children.shift() ?? 0;
    this.#table.delete(pid);
    this.#note('', `the child ${pid} ends`);
    this.#somethingHappens();
  }

  #isGone([pid, , start]: readonly unknown[]): boolean {
    const there = this.#table.get(pid as number);
    return !there || there.zombie || there.start !== start;
  }

  #somethingHappens(): void {
    for (const life of this.#lives) life.sleeps = 0;
  }

  #note(who: string, what: string): void {
    this.#trace.push(`${String(this.#summary.steps).padStart(6)} ${who.padEnd(3)} ${what}`);
  }
}

function failed(error: string): Outcome {
  return { key: error, value: undefined, error };
}

/** The id of a record, as it was meant to be written. */
function idOf(text: string): string {
  return String((JSON.parse(text) as unknown[])[1]);
}
