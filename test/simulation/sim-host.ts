import type { FileFacts, Files, Host, ProcessState } from '../../lib/host/host.ts';
import { answer, type Dispatch, perform } from './sim-call.ts';
import type { SimDisk } from './sim-disk.ts';

export interface SimIdentity {
  pid: number;
  key: string;
  /** Stands still, so that tickets depend on the line alone; differs between processes, as clocks do. */
  wallMicros: number;
  /** Its pid namespace; default 1. A pid of another one means nothing to it. */
  namespace?: number;
  /** Its boot id, and when its kernel was booted, by the wall clock in ms. */
  boot?: string;
  bootedAt?: number;
  /** How far the monotonic clock goes from one look at it to the next. */
  tickMs: number;
}

/** The calls that are answered without the explorer: they touch nothing that others see. */
export interface LocalCalls {
  /** Anything at all: throws in a process that is stopped. */
  local(): void;
  close(fd: number): void;
}

/** A host whose every call on shared things goes through `dispatch`. */
export function simHost(identity: SimIdentity, dispatch: Dispatch, { local, close }: LocalCalls): Host {
  let monotonicMs = 0;
  return {
    files: simFiles(dispatch, { local, close }),
    processes: {
      self: () => ({
        pid: identity.pid,
        tid: identity.pid,
        start: 1,
        boot: identity.boot ?? 'boot',
        namespace: identity.namespace ?? 1,
        host: 'sim',
        time: 1,
      }),
      bootedAt: () => identity.bootedAt ?? null,
      state: (pid) => dispatch({ op: 'state', number: pid }) as ProcessState,
      uid: () => 0,
      nonce: () => identity.key,
      atExit() {},
      atSignals: () => () => undefined,
      signalsRestored: () => undefined,
      blocking: (call) => call(),
    },
    clock: {
      wallMicros() {
        local();
        return identity.wallMicros;
      },
      monotonicMs() {
        local();
        monotonicMs += identity.tickMs;
        return monotonicMs;
      },
      sleep: local,
      timer: () => () => {},
    },
  };
}

function simFiles(dispatch: Dispatch, { local, close }: LocalCalls): Files {
  return {
    openForAppend: (path) => dispatch({ op: 'openForAppend', path }) as number,
    openForReading: (path) => dispatch({ op: 'openForAppend', path }) as number,
    openForWriting: (path) => dispatch({ op: 'openForAppend', path }) as number,
    // There are no links here: a path always leads to the same directory.
    openDirectory: (path) => ({ fd: -1, at: path, place: path }),
    closeDirectory() {},
    create: (path) => dispatch({ op: 'create', path: uncounted(path) }) as number,
    read(fd, buffer, position) {
      const text = dispatch({ op: 'read', fd, number: position, length: buffer.length }) as string;
      return Buffer.from(buffer.buffer, buffer.byteOffset, buffer.length).write(text, 'latin1');
    },
    write(fd, buffer, length) {
      const text = Buffer.from(buffer.buffer, buffer.byteOffset, length).toString('latin1');
      return dispatch({ op: 'write', fd, text }) as number;
    },
    sync: local,
    close,
    look(path) {
      const inode = dispatch({ op: 'look', path }) as number | null;
      return inode === null ? null : factsOf(inode);
    },
    facts: () => factsOf(0),
    list: (path) => dispatch({ op: 'list', path }) as string[] | null,
    link: (path, to) => dispatch({ op: 'link', path: uncounted(path), to }) as boolean,
    remove: (path) => isHint(path) || (dispatch({ op: 'remove', path: uncounted(path) }) as boolean),
    removeDirectory: (path) => dispatch({ op: 'removeDirectory', path: uncounted(path) }) as boolean,
    makeDirectory: (path) => dispatch({ op: 'makeDirectory', path: uncounted(path) }) as boolean,
    touch: () => true,
    touchOpen() {},
    // Only directories are renamed here: those in which a resource's first epoch is prepared.
    rename: (path, to) => void dispatch({ op: 'rename', path: uncounted(path), to }),
    readText: (path) => dispatch({ op: 'readText', path }) as string | null,
    makeFifo: () => null,
    openFifo: () => -1,
    hasReader: (path) => holdsLifeline(path, dispatch),
    // Deaths are not reported: every waiter polls.
    watchReader: () => null,
    fileSystemType: () => null,
    watch: () => () => {},
  };
}

/**
 * Of a session's own lifeline, or a command's, whose key is the second one or a later one of its maker. The kernel knows
 * whose it is in every namespace: the question has the path, which one about a pid has not.
 */
function holdsLifeline(path: string, dispatch: Dispatch): boolean | null {
  const [, pid, , later, kind] = /\/(\d+)-([^/x.]+)(x\d+)?\.(life|command)$/.exec(path) ?? [];
  if (pid === undefined || (kind === 'command') !== (later !== undefined)) return null;
  return dispatch({ op: 'state', number: Number(pid), path }) !== 'gone';
}

/** Session files only wake others; here nobody sleeps, so nobody needs them. */
function isHint(path: string): boolean {
  return path.startsWith('/sessions/');
}

/**
 * The name of a private file, or directory, without its counter. A process has one such at a time (else `create` says
 * EEXIST, and the test fails), and lives that differ only in how many there were need not be told apart.
 */
function uncounted(path: string): string {
  return path.replace(/(\/next\.\d+\.\w+|\/\.new\.\w+)\.\d+/, '$1');
}

function factsOf(inode: number): FileFacts {
  const kind = inode === 0 ? 'directory' : 'file';
  // Larger than any journal gets here: files only grow, so nobody finds one shorter than it was.
  return { kind, size: 2 ** 20, mode: 0o600, uid: 0, gid: 0, device: 1, inode, modifiedMs: 0 };
}

/**
 * A host that does every call at once on a disk; everybody in `gone` is dead, and the lifelines of those in `free` are held
 * by no process.
 */
export function directHost(
  disk: SimDisk,
  identity: SimIdentity,
  gone: readonly number[] = [],
  free: readonly number[] = gone,
): Host {
  const fds = new Map<number, string>();
  return simHost(
    identity,
    (call) => {
      if (call.op === 'state') {
        const absent = call.path === undefined ? gone : free;
        return absent.includes(call.number ?? 0) ? 'gone' : { start: 1, zombie: false };
      }
      const outcome = perform(disk, fds, call);
      if (outcome.inode !== undefined) fds.set(outcome.value as number, outcome.inode);
      return answer(call, outcome);
    },
    { local() {}, close: (fd) => void fds.delete(fd) },
  );
}
