import { DiskStore } from '../../../lib/disk/disk-store.ts';
import { StoreError } from '../../../lib/errors.ts';
import type { Host } from '../../../lib/host/host.ts';
import type { Action } from '../../../lib/line/action.ts';
import { Session } from '../../../lib/session/session.ts';
import type { EntryState, OwnEntry, Request } from '../../../lib/store/store.ts';
import { Chance } from './chance.ts';
import type { Named } from './scenario.ts';
import { ENDLESS_MS, type Life, type Told } from './wire.ts';

/** What a simulated process has of its world. */
export interface Witness {
  readonly host: Host;
  /** Says something to the run; nobody goes on in between. */
  tell(told: Told): void;
  /** Lets others go on. */
  work(): void;
  /** A process that knows nothing of Lockstep, and lives for a while: its pid. */
  fork(): number;
  /** Called whenever it has just looked, and will sleep. */
  looking: () => void;
}

/** As often as a failing call is tried again: more often than calls fail in one run. */
const MAX_TRIES = 20;
const UNTIL_IT_HOLDS = ENDLESS_MS;
/** A round at a counter does so much: it is soon done. */
const COUNTS = 3;

/** What one process does with the store, round by round, as its own chance has it. */
export class Errands {
  readonly #witness: Witness;
  readonly #life: Life;
  readonly #chance: Chance;
  readonly #disk: DiskStore;
  #isOver = false;

  constructor(witness: Witness, life: Life) {
    this.#witness = witness;
    this.#life = life;
    this.#chance = new Chance(life.seed);
    const { host } = witness;
    const directory = { path: '/', directoryMode: 0o700, fileMode: 0o600, local: true, guarded: false, remake() {} };
    const { rotateBytes } = life.scenario;
    this.#disk = new DiskStore({ host, session: new Session(host), directory, heartbeatMs: 0, rotateBytes });
  }

  run(): void {
    const { resources, rounds } = this.#life.scenario;
    if (this.#life.isLast) {
      for (const resource of resources) this.#lookAtTheEnd(resource);
      return;
    }
    for (let round = 0; round < rounds && !this.#isOver; round++) this.#runOne(this.#chance.of(resources));
  }

  #runOne(resource: Named): void {
    if (this.#life.scenario.violent && this.#chance.happens(0.08)) this.#evictSomebody(resource);
    else if (this.#life.scenario.forgetful && this.#chance.happens(0.25)) this.#forget(resource);
    else if (resource.kind === 'event') this.#useEvent(resource);
    else if (resource.kind === 'condition') this.#useCondition(resource);
    else if (resource.kind === 'barrier') this.#useBarrier(resource);
    else if (resource.kind === 'queue') for (let times = 0; times < COUNTS; times++) this.#useQueue(resource);
    else if (resource.kind === 'counter') for (let times = 0; times < COUNTS; times++) this.#count(resource);
    else this.#usePermits(resource);
  }

  #usePermits(resource: Named): void {
    const entry = this.#take(resource);
    if (!entry) return;
    this.#workWith(entry);
    // Sometimes it ends without: then its entry goes with the process.
    if (this.#chance.happens(0.05)) this.#isOver = true;
    else this.#leave(entry);
  }

  /** Stands in line until it holds; null if it does not come to that. */
  #take(resource: Named): OwnEntry | null {
    const { violent } = this.#life.scenario;
    const isLock = resource.kind === 'lock';
    const ask = isLock ? this.#chance.of([1, 1, 0]) : this.#chance.whole(1, resource.permits);
    const steal = isLock && violent && this.#chance.happens(0.15);
    const onlyIfGranted = !steal && this.#chance.happens(0.25);
    const entry = this.#join(resource, { ask: steal ? 1 : ask, label: '', onlyIfGranted, steal });
    if (!entry) return null;
    if (entry.state === 'waiting') {
      if (this.#chance.happens(0.3)) this.#keep(entry);
      const patienceMs = this.#chance.happens(0.15) ? this.#chance.whole(1, 200) : UNTIL_IT_HOLDS;
      this.#wait(entry, patienceMs);
    }
    if (this.#believes(entry, steal ? 1 : ask)) return entry;
    if (entry.state === 'waiting') this.#leave(entry);
    return null;
  }

  #workWith(entry: OwnEntry): void {
    for (let work = this.#chance.whole(0, 3); work > 0; work--) this.#witness.work();
    if (this.#chance.happens(0.15)) this.#adopt(entry);
    if (!this.#chance.happens(0.3)) return;
    this.#trying('refresh', entry.name, () => this.#disk.refresh(entry));
    this.#sees(entry);
  }

  #adopt(entry: OwnEntry): void {
    const handOver = this.#chance.happens(0.3);
    const pid = this.#witness.fork();
    if (handOver) this.#witness.tell({ it: 'leaves', at: entry.name, ticket: entry.ticket });
    this.#trying('adopt', entry.name, () => this.#disk.adopt(entry, pid, { handOver }));
    this.#done(entry.name);
  }

  #useEvent(resource: Named): void {
    const what = this.#chance.whole(0, 3);
    if (what < 2) this.#act(resource, { do: what === 0 ? 'set' : 'clear' });
    else this.#waitAndPass(resource);
  }

  #useBarrier(resource: Named): void {
    const what = this.#chance.whole(0, 9);
    if (what === 0) this.#act(resource, { do: 'abort' });
    else if (what < 3) this.#act(resource, { do: 'reset' });
    else this.#waitAndPass(resource);
  }

  #useCondition(resource: Named): void {
    const guard = this.#life.scenario.resources.find(({ kind }) => kind === 'lock') as Named;
    const lock = this.#join(guard, { ask: 1, label: '', onlyIfGranted: false });
    if (!lock) return;
    this.#wait(lock, UNTIL_IT_HOLDS);
    if (!this.#believes(lock, 1)) return;
    if (this.#chance.happens(0.4)) {
      this.#act(resource, { do: 'notify', count: this.#chance.of([1, 1, 2, Number.MAX_SAFE_INTEGER]) });
      this.#leave(lock);
      return;
    }
    const entry = this.#join(resource, { ask: 1, label: '', onlyIfGranted: false });
    this.#leave(lock);
    if (!entry) return;
    this.#wait(entry, this.#chance.whole(50, 300));
    const isWoken = this.#believes(entry, 1);
    const again = isWoken ? this.#join(guard, { ask: 1, label: '', onlyIfGranted: false }) : null;
    if (again) this.#wait(again, UNTIL_IT_HOLDS);
    const isBack = again !== null && this.#believes(again, 1);
    if (isWoken && !isBack) this.#evict(resource, entry.ticket, 'woken, but gave up');
    else this.#leave(entry);
    if (isBack && again) this.#leave(again);
  }

  #useQueue(resource: Named): void {
    if (this.#isOver) return;
    if (this.#chance.happens(0.5)) {
      const id = this.#chance.happens(0.4) ? `id${this.#chance.whole(0, 4)}` : null;
      const text = JSON.stringify(`${this.#life.key} "${this.#chance.whole(0, 9)}`);
      this.#act(resource, { do: 'put', text, bound: this.#chance.of([1, 2, 5, 65_536]), id });
      return;
    }
    const onlyIfGranted = this.#chance.happens(0.4);
    const entry = this.#join(resource, { ask: 1, label: '', onlyIfGranted });
    if (!entry) return;
    if (entry.state === 'waiting') this.#wait(entry, this.#chance.whole(50, 300));
    if (!this.#hasTaken(entry)) {
      this.#leave(entry);
      return;
    }
    this.#workWith(entry);
    if (this.#chance.happens(0.1)) this.#isOver = true;
    else if (this.#chance.happens(0.7)) this.#finish(entry);
    else this.#leave(entry);
  }

  #hasTaken(entry: OwnEntry): boolean {
    const taken = this.#believes(entry, 1) ? this.#disk.itemOf(entry) : null;
    if (taken === null) return false;
    const { sequence, text, takes } = taken;
    const item = JSON.stringify([sequence, text, takes]);
    this.#witness.tell({ it: 'has taken', at: entry.name, ticket: entry.ticket, item });
    return true;
  }

  /** The item is done, however often that fails. */
  #finish(entry: OwnEntry): void {
    const { name, ticket } = entry;
    this.#witness.tell({ it: 'leaves', at: name, ticket });
    for (let tries = 0; tries < MAX_TRIES && isOpen(entry.state); tries++) {
      this.#trying('done', name, () => this.#disk.done(entry));
      this.#done(name);
    }
    this.#witness.tell({ it: 'has ended', at: name, ticket, state: entry.state });
  }

  #doAll(resource: Named): void {
    for (;;) {
      const line = this.#disk.snapshot(resource.name);
      if (!line || (line.value === 0 && line.entries.length === 0)) break;
      const entry = this.#join(resource, { ask: 1, label: '', onlyIfGranted: false });
      if (!entry) throw new Error('a newcomer at the end is refused');
      this.#wait(entry, 5_000);
      if (this.#hasTaken(entry)) this.#finish(entry);
      else this.#leave(entry);
    }
    this.#witness.tell({ it: 'has done all', at: resource.name });
  }

  #waitAndPass(resource: Named): void {
    this.#witness.tell({ it: 'arrives', at: resource.name });
    const entry = this.#join(resource, { ask: 1, label: '', onlyIfGranted: false });
    if (!entry) return;
    this.#wait(entry, this.#chance.whole(50, 300));
    if (entry.state === 'holding') {
      const { ticket, waitingBefore: place } = entry;
      this.#witness.tell({ it: 'has passed', at: resource.name, ticket, place });
    }
    this.#leave(entry);
  }

  /** Often with an id that others use, too: each asks for what it knows no answer to. */
  #count(resource: Named): void {
    const id = `id${this.#chance.whole(0, 4)}`;
    const what = this.#chance.whole(0, 9);
    if (what < 3) this.#act(resource, { do: 'add', by: this.#chance.whole(-2, 9) });
    else if (what === 3) this.#act(resource, { do: 'load', n: 3, id, generation: this.#life.key });
    else if (what === 4) this.#act(resource, { do: 'trim', upTo: this.#chance.whole(0, 4) });
    else this.#act(resource, { do: 'take', floor: this.#chance.of([0, 0, -2]), ...this.#request(id) });
  }

  #request(id: string): { n: number; id: string | null; bound: number | null } {
    // The number of an id is always the same, but for one that is mistaken.
    const n = this.#chance.happens(0.05) ? 9 : 1 + (id.charCodeAt(2) % 2);
    if (this.#chance.happens(0.2)) return { n, id: null, bound: null };
    return { n, id, bound: this.#chance.happens(0.5) ? this.#chance.whole(1, 3) : null };
  }

  #act(resource: Named, action: Action): void {
    const { name, kind, permits } = resource;
    const outcome = this.#trying(action.do, name, () => this.#disk.act(name, { kind, permits }, action));
    const by = action.do === 'add' ? action.by : 'n' in action ? action.n : 0;
    if (outcome !== undefined) this.#witness.tell({ it: 'has acted', at: name, verb: action.do, by, outcome });
    this.#done(name);
  }

  #forget({ name }: Named): void {
    const outcome = this.#trying('forget', name, () => this.#disk.forget(name));
    if (outcome !== undefined) this.#witness.tell({ it: 'has forgotten', at: name, outcome });
    this.#done(name);
  }

  #evictSomebody({ name }: Named): void {
    const line = this.#trying('look', name, () => this.#disk.snapshot(name));
    // Not one's own: where it is used, its state is not looked at before every step.
    const others = line?.entries.filter(({ ours }) => !ours) ?? [];
    if (others.length > 0) this.#evict({ name }, this.#chance.of(others).ticket, 'made way');
  }

  #evict({ name }: { name: string }, ticket: number, reason: string): void {
    this.#trying('evict', name, () => this.#disk.evict(name, ticket, { reason, by: 'simulation' }));
    this.#done(name);
  }

  #join({ name, kind, permits }: Named, request: Request): OwnEntry | null {
    const entry = this.#trying('join', name, () => this.#disk.join(name, { kind, permits }, request));
    if (!entry || entry.state === 'refused') {
      if (entry) this.#witness.tell({ it: 'is refused', at: name });
      this.#done(name);
      return null;
    }
    this.#witness.tell({ it: 'joined', at: name, ticket: entry.ticket, state: entry.state });
    this.#done(name);
    return entry;
  }

  #keep(entry: OwnEntry): void {
    const held = this.#chance.happens(0.7) ? [{ name: 'other', ticket: this.#chance.whole(1, 9) }] : [];
    this.#trying('keep', entry.name, () => this.#disk.keep(entry, { held, waits: 1 }));
    this.#done(entry.name);
  }

  #wait(entry: OwnEntry, timeoutMs: number): void {
    this.#witness.looking = () => this.#sees(entry);
    for (let tries = 0; tries < MAX_TRIES && entry.state === 'waiting'; tries++) {
      const isOver = this.#trying('wait', entry.name, () => {
        this.#disk.wait(entry, timeoutMs);
        this.#disk.refresh(entry);
        return true;
      });
      this.#done(entry.name);
      if (isOver) break;
    }
    this.#witness.looking = () => undefined;
    this.#sees(entry);
  }

  /** Gives an entry back, however often that fails. */
  #leave(entry: OwnEntry): void {
    const { name, ticket } = entry;
    this.#witness.tell({ it: 'leaves', at: name, ticket });
    for (let tries = 0; tries < MAX_TRIES && isOpen(entry.state); tries++) {
      this.#trying('leave', name, () => this.#disk.leave(entry));
      this.#done(name);
    }
    this.#witness.tell({ it: 'has ended', at: name, ticket, state: entry.state });
  }

  #believes({ name, ticket, token, state }: OwnEntry, ask: number): boolean {
    if (state === 'holding') this.#witness.tell({ it: 'holds', at: name, ticket, token, ask });
    else if (state !== 'waiting') this.#witness.tell({ it: 'has ended', at: name, ticket, state });
    return state === 'holding';
  }

  #sees({ name, ticket, token, state }: OwnEntry): void {
    this.#witness.tell({ it: 'sees', at: name, ticket, token, state });
  }

  #done(name: string): void {
    this.#witness.tell({ it: 'is done', at: name });
  }

  /** Undefined if the environment failed it, as it may. */
  #trying<T>(verb: string, name: string, call: () => T): T | undefined {
    try {
      return call();
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      this.#witness.tell({ it: 'failed', at: name, verb, code: error.code });
      return undefined;
    }
  }

  /** All others are gone: whatever has permits lets a newcomer have them all, and numbers are what they should be. */
  #lookAtTheEnd(resource: Named): void {
    const { name, kind, permits } = resource;
    if (kind === 'lock' || kind === 'semaphore') {
      const entry = this.#join(resource, { ask: permits, label: '', onlyIfGranted: false });
      if (!entry) throw new Error(`${name}: a newcomer at the end is refused`);
      this.#wait(entry, 5_000);
      if (!this.#believes(entry, permits)) throw new Error(`${name}: a newcomer at the end is ${entry.state}`);
      this.#leave(entry);
    }
    if (kind === 'queue') this.#doAll(resource);
    const line = this.#disk.snapshot(name);
    if (line) this.#witness.tell({ it: 'has read', at: name, value: line.value });
  }
}

function isOpen(state: EntryState): boolean {
  return state === 'waiting' || state === 'holding';
}
