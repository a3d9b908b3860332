import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { DiskStore } from '../../lib/disk/disk-store.ts';
import { openStoreDirectory } from '../../lib/disk/store-directory.ts';
import { StoreError } from '../../lib/errors.ts';
import type { Files, Host } from '../../lib/host/host.ts';
import { pinnedHost } from '../../lib/host/pinned-files.ts';
import { Session } from '../../lib/session/session.ts';
import type { OwnEntry } from '../../lib/store/store.ts';
import { type Fault, FaultyHost } from './faulty-host.ts';

/**
 * The life of a session's lifeline and of a command's, with every call that it makes going wrong: once, or from then on.
 * After any fault the session goes on; as long as it or its command lives, a process of another namespace, which has
 * nothing but lifelines to go by, does not get what it holds; and no descriptor and no file is left behind.
 */

const LOCK = { kind: 'lock', permits: 1 };
const KINDS = [
  ...(['makeFifo', 'openFifo', 'rename', 'hasReader', 'list', 'look'] as const),
  ...(['remove', 'makeDirectory', 'close', 'create'] as const),
] satisfies ReadonlyArray<keyof Files>;
type Kind = (typeof KINDS)[number];

const BASE = fs.existsSync('/dev/shm') ? '/dev/shm' : os.tmpdir();
const isLong = process.env.LOCKSTEP_FUZZ !== undefined;
const FAULTS: readonly Fault[] = isLong ? ['EIO', 'EACCES', 'EMFILE', 'done', 'bug'] : ['EIO', 'done'];

const ends: Array<() => void> = [];
afterEach(() => {
  for (const end of ends.splice(0).reverse()) end();
});

function open(host: Host, store: string): DiskStore {
  const directory = openStoreDirectory(host, store);
  return new DiskStore({ host: pinnedHost(host, directory), session: new Session(host), directory });
}

/** In another pid namespace, as far as its facts say. */
function elsewhere(host: FaultyHost): Host {
  const facts = { ...host.processes.self(), namespace: 1 };
  return { files: host.files, clock: host.clock, processes: { ...host.processes, self: () => facts } };
}

class Scene {
  readonly host = new FaultyHost();
  readonly #sound = new FaultyHost();
  readonly #root = fs.mkdtempSync(path.join(BASE, 'lockstep-lifelines-'));
  readonly #store = path.join(this.#root, 'store');
  readonly #stranger: DiskStore;
  #one: DiskStore | null = null;
  #command: ChildProcess | null = null;

  /** `isPrepared`: an earlier session left its lifeline to the next ones. */
  constructor(isPrepared: boolean) {
    ends.push(() => this.#end());
    if (isPrepared) {
      const earlier = open(this.#sound, this.#store);
      earlier.leave(earlier.join('warm', LOCK, { ask: 1, label: '', onlyIfGranted: false }));
      earlier.presence.withdraw();
    }
    this.#stranger = open(elsewhere(this.#sound), this.#store);
  }

  get sessions(): string[] {
    return fs.existsSync(`${this.#store}/sessions`) ? fs.readdirSync(`${this.#store}/sessions`) : [];
  }

  /** An operation may fail only as the documentation says. */
  try<T>(call: (one: DiskStore) => T): T | null {
    try {
      this.#one ??= open(this.host, this.#store);
      return call(this.#one);
    } catch (error) {
      const isBug = error instanceof TypeError && error.message.startsWith('a bug on purpose');
      if (!isBug && !(error instanceof StoreError)) throw error;
      return null;
    }
  }

  join(): OwnEntry | null {
    return this.try((one) => one.join('lock', LOCK, { ask: 1, label: '', onlyIfGranted: false }));
  }

  /** Whether a process that has only lifelines to go by gets the lock. */
  strangerGets(): boolean {
    const entry = this.#stranger.join('lock', LOCK, { ask: 1, label: '', onlyIfGranted: true });
    if (entry.state !== 'holding') return false;
    this.#stranger.leave(entry);
    return true;
  }

  /** Starts a command that inherits a lifeline, and makes it an owner of the entry. True if it is one. */
  async command(own: OwnEntry, closes = false): Promise<boolean> {
    const lifeline = this.try((one) => one.commandLifeline());
    const inherited = closes ? 'ignore' : (lifeline?.fd ?? 'ignore');
    const command = spawn('sleep', ['60'], { stdio: ['ignore', 'ignore', 'ignore', inherited] });
    this.#command = command;
    await once(command, 'spawn');
    const isAdopted = this.try((one) => one.adopt(own, command.pid ?? 0, { handOver: false, lifeline }));
    this.host.runTimers();
    return isAdopted === true;
  }

  async killCommand(): Promise<void> {
    this.#command?.kill('SIGKILL');
    if (this.#command && this.#command.signalCode === null) await once(this.#command, 'exit');
  }

  /** As the kernel does when the process dies. */
  die(): void {
    this.host.end();
  }

  /** Ends as a process that exits does. */
  exit(own: OwnEntry | null): void {
    this.host.mend();
    if (own) this.try((one) => one.leave(own));
    this.host.runTimers();
    this.host.exit();
  }

  #end(): void {
    this.#command?.kill('SIGKILL');
    this.host.end();
    this.#stranger.presence.withdraw();
    this.#sound.end();
    fs.rmSync(this.#root, { recursive: true, force: true });
  }
}

type GoesWrong = (kind: Kind, count: number) => Fault | null;

function begin(isPrepared: boolean, goesWrong: GoesWrong): { scene: Scene; counts: Map<string, number> } {
  const scene = new Scene(isPrepared);
  const counts = new Map<string, number>();
  scene.host.failWhen((_, kind) => {
    const count = (counts.get(kind) ?? 0) + 1;
    counts.set(kind, count);
    return KINDS.includes(kind as Kind) ? goesWrong(kind as Kind, count) : null;
  });
  return { scene, counts };
}

/** A session that holds, loses its lifeline's name, starts a command, and ends as a process that exits does. */
async function live(isPrepared: boolean, goesWrong: GoesWrong): Promise<Map<string, number>> {
  const { scene, counts } = begin(isPrepared, goesWrong);
  const own = scene.join();
  const isHeld = () => own?.state === 'holding';
  if (isHeld()) expect(scene.strangerGets()).toBe(false);
  for (const name of scene.sessions)
    if (/\.life$/.test(name) && counts.size > 0) scene.try((one) => fs.rmSync(`${one.presence.directory}/${name}`));
  scene.try((one) => one.presence.restore());
  if (isHeld()) expect(scene.strangerGets()).toBe(false);
  if (own && isHeld()) await scene.command(own);
  if (isHeld()) expect(scene.strangerGets()).toBe(false);
  await scene.killCommand();
  scene.host.runTimers();
  if (isHeld()) expect(scene.strangerGets()).toBe(false);
  scene.exit(own);
  // The journal alone is still open.
  expect([...scene.host.open].length, scene.host.hits.join()).toBeLessThanOrEqual(1);
  // A file that could not be removed is left.
  if (scene.host.hits.every((hit) => !/^(remove|look|makeDirectory|list)/.test(hit)))
    expect(
      scene.sessions.filter((name) => name !== 'spare' && /^\.line|\.life$|\.command$/.test(name)),
      scene.host.hits.join(),
    ).toEqual([]);
  return counts;
}

/** A session that dies while its command goes on. Returns whether the lock is free once that has ended, too. */
async function die(isPrepared: boolean, goesWrong: GoesWrong): Promise<boolean> {
  const { scene } = begin(isPrepared, goesWrong);
  const own = scene.join();
  if (own?.state !== 'holding') return true;
  const isAdopted = await scene.command(own);
  scene.host.mend();
  scene.die();
  if (isAdopted) expect(scene.strangerGets(), scene.host.hits.join()).toBe(false);
  await scene.killCommand();
  return scene.strangerGets();
}

const PREPARED: ReadonlyArray<[how: string, isPrepared: boolean]> = [
  ['made anew', false],
  ['that an earlier session left', true],
];

test.each(PREPARED)(
  'without a fault a lifeline %s keeps what is held, and what it leaves behind is free',
  async (_, is) => {
    const counts = await live(is, () => null);
    for (const kind of ['rename', 'hasReader', 'openFifo'] as const)
      if (is) expect(counts.get(kind)).toBeGreaterThan(0);
    expect(counts.get('makeFifo')).toBeGreaterThan(0);
    expect(await die(is, () => null)).toBe(true);
  },
);

test.each(
  PREPARED.flatMap(([how, is]) =>
    FAULTS.flatMap((fault) => (['once', 'from then on'] as const).map((until) => ({ how, is, fault, until }))),
  ),
)(
  'any call of a lifeline $how that goes wrong $until, with $fault, robs nobody and leaves nothing',
  async ({ is, fault, until }) => {
    const counts = await live(is, () => null);
    for (const kind of KINDS) {
      for (let at = 1; at <= Math.min(counts.get(kind) ?? 0, isLong ? 100 : 6); at++) {
        const goesWrong: GoesWrong = (one, count) =>
          one === kind && (until === 'once' ? count === at : count >= at) ? fault : null;
        try {
          await live(is, goesWrong);
          await die(is, goesWrong);
        } catch (error) {
          throw new Error(`${kind} ${at}: ${(error as Error).message}`, { cause: error });
        } finally {
          for (const end of ends.splice(0).reverse()) end();
        }
      }
    }
  },
  120_000,
);

test.each<[string, GoesWrong]>([
  ['is found to have none', () => null],
  [
    'is found so although that cannot be removed at first',
    (kind, count) => (kind === 'remove' && count < 4 ? 'EIO' : null),
  ],
])('a command that has closed its lifeline %s, and keeps what it has when its wrapper dies', async (_, goesWrong) => {
  const { scene } = begin(false, () => null);
  const own = scene.join();
  if (!own) throw new Error('it is not in line');
  const removes = new Map<string, number>();
  scene.host.failWhen((_call, kind) => {
    removes.set(kind, (removes.get(kind) ?? 0) + 1);
    return kind === 'remove' || kind === 'rename' ? goesWrong('remove', removes.get(kind) ?? 0) : null;
  });
  await scene.command(own, true);
  for (let round = 0; round < 5; round++) scene.host.runTimers();
  scene.die();
  expect(scene.strangerGets()).toBe(false);
});
