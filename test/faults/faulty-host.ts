import fs from 'node:fs';
import type { Files, Host, OpenDirectory, Processes } from '../../lib/host/host.ts';
import { nodeHost } from '../../lib/host/node-host.ts';
import type { Clock } from '../../lib/time/clock.ts';
import { type Maker, nodeError } from './node-error.ts';

export const ERRORS = [
  'EACCES',
  'EROFS',
  'ENOSPC',
  'EDQUOT',
  'EMFILE',
  'ENFILE',
  'EIO',
  'ESTALE',
  'EINTR',
  'EPERM',
  'EUCLEAN',
  'errno 524',
] as const;

/**
 * What goes wrong with a call: it fails with this error; it fails, though it was done (`done`); of a write, half is
 * written (`short`), or nothing (`none`). `bug`: it was done, and then something throws what is no error of
 * the system.
 */
export type Fault = (typeof ERRORS)[number] | 'done' | 'short' | 'none' | 'bug';

export const FAULTS: readonly Fault[] = [...ERRORS, 'done', 'short', 'none'];

/** The real machine, on which the calls on files go wrong that a test says. Timers run when the test says. */
export class FaultyHost implements Host {
  readonly files: Files;
  readonly clock: Clock;
  readonly processes: Processes;
  /** What went wrong: `write EIO`. */
  readonly hits: string[] = [];
  /** The descriptors that are open. */
  readonly open = new Set<number>();
  #calls = 0;
  #goesWrong: (call: number, kind: keyof Files) => Fault | null = () => null;
  #timers: Array<() => void> = [];
  #exits: Array<(code: number | null) => void> = [];

  constructor() {
    this.files = this.#decorate(nodeHost.files);
    this.clock = {
      ...nodeHost.clock,
      timer: (_ms, _keepAlive, callback) => {
        this.#timers.push(callback);
        return () => {
          this.#timers = this.#timers.filter((one) => one !== callback);
        };
      },
    };
    this.processes = {
      ...nodeHost.processes,
      atExit: (giveBack) => void this.#exits.push(giveBack),
      atSignals: () => () => undefined,
      signalsRestored: () => undefined,
    };
  }

  /** How many calls there were. */
  get calls(): number {
    return this.#calls;
  }

  /** From now on these calls go wrong; they are counted from 1. */
  failWhen(goesWrong: (call: number, kind: keyof Files) => Fault | null): void {
    this.#calls = 0;
    this.#goesWrong = goesWrong;
  }

  mend(): void {
    this.#goesWrong = () => null;
  }

  /** The time of every timer has come. */
  runTimers(): void {
    for (const callback of this.#timers.splice(0)) callback();
  }

  /** The process ends. */
  exit(): void {
    for (const giveBack of this.#exits) giveBack(0);
  }

  /** Closes what was left open. */
  end(): void {
    for (const fd of this.open) fs.closeSync(fd);
    this.open.clear();
  }

  #decorate(files: Files): Files {
    const decorated = { ...files } as unknown as Record<string, unknown>;
    for (const [kind, call] of Object.entries(files)) {
      decorated[kind] = (...args: unknown[]) => this.#call(kind as keyof Files, call as Call, args);
    }
    // Nothing here needs to outlast a power cut.
    decorated.sync = () => this.#call('sync', () => undefined, []);
    return decorated as unknown as Files;
  }

  #done(kind: keyof Files, call: Call, args: unknown[]): unknown {
    const result = call(...args);
    if (OPENING.includes(kind)) this.open.add(descriptorOf(result));
    if (CLOSING.includes(kind)) this.open.delete(descriptorOf(args[0]));
    return result;
  }

  #call(kind: keyof Files, call: Call, args: unknown[]): unknown {
    this.#calls += 1;
    const fault = this.#goesWrong(this.#calls, kind);
    if (fault === null) return this.#done(kind, call, args);
    if (fault === 'short' || fault === 'none') {
      if (kind !== 'write') return this.#done(kind, call, args);
      this.hits.push(`${kind} ${fault}`);
      const [fd, buffer, length] = args as [number, Uint8Array, number];
      return fault === 'none' ? 0 : call(fd, buffer, Math.floor(length / 2));
    }
    this.hits.push(`${kind} ${fault}`);
    const isDone = fault === 'done' || fault === 'bug';
    // The kernel frees the descriptor whatever it says; were it not closed here, each test would leak it.
    if (CLOSING.includes(kind)) this.#done(kind, call, args);
    // A call that was done, but whose answer is lost, can have opened nothing.
    else if (isDone && !OPENING.includes(kind)) call(...args);
    else if (isDone) fs.closeSync(descriptorOf(call(...args)));
    if (fault === 'bug') throw new TypeError(`a bug on purpose, ${kind}`);
    const [syscall, by] = SYSCALLS[kind];
    throw nodeError(fault === 'done' ? 'EIO' : fault, syscall, by, typeof args[0] === 'string' ? args[0] : undefined);
  }
}

/** What Node says of each call, and which part of it does. */
const SYSCALLS: Record<keyof Files, [string, Maker]> = {
  openForAppend: ['open', 'native'],
  openForReading: ['open', 'native'],
  openForWriting: ['open', 'native'],
  openDirectory: ['open', 'native'],
  closeDirectory: ['close', 'native'],
  create: ['open', 'native'],
  read: ['read', 'javascript'],
  write: ['write', 'javascript'],
  sync: ['fdatasync', 'native'],
  close: ['close', 'native'],
  look: ['lstat', 'native'],
  facts: ['fstat', 'javascript'],
  list: ['scandir', 'javascript'],
  link: ['link', 'native'],
  remove: ['unlink', 'native'],
  removeDirectory: ['rmdir', 'native'],
  makeDirectory: ['mkdir', 'javascript'],
  touch: ['lutime', 'javascript'],
  touchOpen: ['futime', 'javascript'],
  rename: ['rename', 'native'],
  readText: ['open', 'native'],
  fileSystemType: ['statfs', 'javascript'],
  watch: ['watch', 'javascript'],
  makeFifo: ['spawnSync', 'javascript'],
  openFifo: ['open', 'native'],
  hasReader: ['open', 'native'],
  watchReader: ['open', 'native'],
};

const OPENING: readonly (keyof Files)[] = [
  'openForAppend',
  'openForReading',
  'openForWriting',
  'openDirectory',
  'openFifo',
  'makeFifo',
  'create',
];
const CLOSING: readonly (keyof Files)[] = ['close', 'closeDirectory'];

function descriptorOf(opened: unknown): number {
  if (opened === null) return -1;
  return typeof opened === 'number' ? opened : (opened as OpenDirectory).fd;
}

type Call = (...args: unknown[]) => unknown;
