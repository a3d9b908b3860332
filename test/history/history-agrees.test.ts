import path from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { DiskStore } from '../../lib/disk/disk-store.ts';
import { openStoreDirectory } from '../../lib/disk/store-directory.ts';
import { History } from '../../lib/history/history.ts';
import type { Span } from '../../lib/history/span.ts';
import type { Host } from '../../lib/host/host.ts';
import { nodeHost } from '../../lib/host/node-host.ts';
import { Session } from '../../lib/session/session.ts';
import type { Past } from '../../lib/store/past.ts';
import type { OwnEntry } from '../../lib/store/store.ts';
import { temporaryDirectory } from '../support/tape.ts';

/** Kernels know no such threads, and these parties need some that are theirs alone. */
const FIRST_TID = 2_000_000_000;
const PARTIES = 3;

type Step =
  | { do: 'join'; party: number; ask: number; isTry: boolean }
  | { do: 'steal'; party: number }
  | { do: 'leave' | 'evict'; which: number };

/** Between two readings of a clock that never stands still. */
type Moment = readonly [after: number, before: number];

/** What an entry's own caller saw of it. */
interface Seen {
  entry: OwnEntry;
  party: DiskStore;
  ask: number;
  entered: Moment;
  granted: Moment | null;
  ended: Moment | null;
  end: string;
}

/** Several sessions on one real store, all by one clock, and what each saw of its own entries. */
class World {
  readonly seen: Seen[] = [];
  readonly root = path.join(temporaryDirectory(), 'store');
  readonly #config: { kind: string; permits: number };
  readonly #parties: DiskStore[];
  #now = 1_000_000;

  constructor(permits: number, rotateBytes: number) {
    this.#config = permits === 1 ? { kind: 'lock', permits } : { kind: 'semaphore', permits };
    const directory = openStoreDirectory(nodeHost, this.root);
    this.#parties = Array.from({ length: PARTIES }, (_, place) => {
      const host = this.#hostOf(FIRST_TID + place);
      return new DiskStore({ host, session: new Session(host), directory, heartbeatMs: 0, rotateBytes });
    });
  }

  step(step: Step): void {
    const after = this.#now;
    this.#do(step);
    const moment: Moment = [after, this.#now];
    for (const one of this.seen) {
      one.party.refresh(one.entry);
      this.#note(one, moment);
    }
  }

  past(): Past | null {
    return new History(nodeHost, { path: this.root, local: true }).of('x');
  }

  /** Nothing is left that would be given back at exit. */
  close(): void {
    for (const { entry, party } of this.seen) if (['waiting', 'holding'].includes(entry.state)) party.leave(entry);
    for (const party of this.#parties) party.presence.withdraw();
  }

  #do(step: Step): void {
    if ('which' in step) {
      const open = this.seen.filter(({ ended }) => ended === null);
      const one = open[step.which % Math.max(1, open.length)];
      if (!one) return;
      if (step.do === 'evict') one.party.evict('x', one.entry.ticket, { reason: 'on purpose', by: 'test' });
      else {
        one.end = one.entry.state === 'holding' ? 'left' : 'gave up waiting';
        one.party.leave(one.entry);
      }
      return;
    }
    const party = this.#parties[step.party] as DiskStore;
    const isLock = this.#config.kind === 'lock';
    const ask = step.do === 'steal' ? 1 : isLock ? step.ask % 2 : 1 + (step.ask % this.#config.permits);
    if (step.do === 'steal' && !isLock) return;
    const onlyIfGranted = step.do === 'join' && step.isTry;
    const after = this.#now;
    const entry = party.join('x', this.#config, { ask, label: 'l', onlyIfGranted, steal: step.do === 'steal' });
    if (entry.state === 'refused') return;
    const entered: Moment = [after, this.#now];
    this.seen.push({ entry, party, ask, entered, granted: null, ended: null, end: '' });
  }

  #note(one: Seen, moment: Moment): void {
    const { state, token, eviction } = one.entry;
    if (token > 0) one.granted ??= moment;
    if (state === 'waiting' || state === 'holding') one.end = `still ${state}`;
    else if (one.ended === null) {
      one.ended = moment;
      if (eviction) one.end = eviction.reason === 'stolen' ? 'stolen' : 'evicted';
    }
  }

  #hostOf(tid: number): Host {
    const { files, processes, clock } = nodeHost;
    return {
      files: { ...files, sync: () => undefined },
      processes: {
        ...processes,
        self: () => ({ ...processes.self(), tid }),
        state: (pid) => processes.state(pid, pid),
        atExit: () => undefined,
      },
      clock: { ...clock, wallMicros: () => (this.#now += 1_000) },
    };
  }
}

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('join' as const),
      party: fc.nat(PARTIES - 1),
      ask: fc.nat(5),
      isTry: fc.boolean(),
    }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constantFrom('leave' as const, 'evict' as const), which: fc.nat(9) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('steal' as const), party: fc.nat(PARTIES - 1) }) },
);

/** A time of a span, in µs, is between the two readings between which the caller saw it come about. */
function isWithin(ms: number | null, moment: Moment | null): boolean {
  if (ms === null || moment === null) return ms === null && moment === null;
  const micros = Math.round(ms * 1000);
  return micros > moment[0] && micros <= moment[1];
}

/** How a span differs from what its caller saw; empty if it does not. */
function difference(span: Span, seen: Seen | undefined): string {
  if (!seen) return 'nobody saw it';
  if (span.end !== seen.end) return `it ${span.end}, and its caller saw that it ${seen.end}`;
  if (span.token !== seen.entry.token) return `token ${span.token} and not ${seen.entry.token}`;
  if (!isWithin(span.enteredAt, seen.entered)) return 'it entered at another time';
  if (!isWithin(span.endedAt, seen.ended)) return 'it ended at another time';
  // Of who held when what is known begins it is only known that it did.
  const isHidden = span.held && span.grantedAt === null && seen.granted !== null;
  return isHidden || isWithin(span.grantedAt, seen.granted) ? '' : 'it began to hold at another time';
}

/** The most shares of a permit that are held at one moment. */
function mostHeld(spans: readonly Span[]): number {
  const changes = spans.flatMap(({ grantedAt, endedAt, ask }) => {
    const weight = ask === 0 ? 2 ** -20 : ask;
    if (grantedAt === null) return [];
    return [[grantedAt, weight] as const, ...(endedAt === null ? [] : [[endedAt, -weight] as const])];
  });
  // At one moment, who goes goes first.
  changes.sort(([one, less], [other, more]) => one - other || less - more);
  let held = 0;
  let most = 0;
  for (const [, weight] of changes) {
    held += weight;
    most = Math.max(most, held);
  }
  return most;
}

const scripts = fc.record({
  permits: fc.integer({ min: 1, max: 3 }),
  steps: fc.array(step, { minLength: 10, maxLength: 40, size: 'max' }),
});

function agrees(permits: number, steps: readonly Step[], rotateBytes: number): Past | null {
  const world = new World(permits, rotateBytes);
  try {
    for (const one of steps) world.step(one);
    const past = world.past();
    const spans = past?.spans ?? [];
    const byTicket = new Map(world.seen.map((one) => [one.entry.ticket, one]));
    expect(spans.map((span) => difference(span, byTicket.get(span.ticket))).filter(Boolean)).toEqual([]);
    expect(mostHeld(spans)).toBeLessThanOrEqual(permits);
    // What is known ends with what was done last, and leaves out none of those who came since it begins.
    const tickets = new Set(spans.map(({ ticket }) => ticket));
    const missing = world.seen.filter(({ entry }) => !tickets.has(entry.ticket));
    expect(missing.filter(({ ended }) => ended === null || ended[0] >= (past?.from ?? 0) * 1000)).toEqual([]);
    if (rotateBytes > 10_000)
      expect(spans.map(({ ticket }) => ticket)).toEqual(world.seen.map(({ entry }) => entry.ticket));
    return past;
  } finally {
    world.close();
  }
}

test('spans agree with what the entries’ own callers saw, and no more hold at one moment than there are permits', () => {
  fc.assert(
    fc.property(scripts, ({ permits, steps }) => {
      agrees(permits, steps, 65_536);
    }),
    { numRuns: 150 },
  );
});

test('so do those that are left after rotations, and nobody is missing who came since what is known begins', () => {
  let rotated = 0;
  fc.assert(
    fc.property(scripts, ({ permits, steps }) => {
      const past = agrees(permits, steps, 700);
      if (past?.spans.some(({ held, grantedAt }) => held && grantedAt === null)) rotated += 1;
    }),
    { numRuns: 150 },
  );
  expect(rotated).toBeGreaterThan(5);
});
