import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import type { Readable } from 'node:stream';
import { systemError, unlessErrno } from './errno.ts';
import { perlFile } from './perl-file.ts';

/*
 * The kernel's lock that flock(2) puts on an open file. Node has no such call. But the lock belongs to the open file, not to the
 * process that calls: so a small program that inherits our descriptor locks it for us, and ends. From then on the lock is ours,
 * until the last copy of the descriptor is closed.
 */

const { O_RDONLY, O_CREAT, O_NONBLOCK } = fs.constants;
const O_NOCTTY = fs.constants.O_NOCTTY ?? 0;
/** That of a new lock file, less what the umask takes: as flock(1) makes one. */
const MODE = 0o666;
/** `PATH` may be the command's own, or empty. The last is that of Homebrew's util-linux. */
const PLACES = ['/usr/bin/flock', '/bin/flock', '/usr/local/bin/flock', '/opt/homebrew/bin/flock'];
/** The descriptor in the small program. */
const FD = 3;
const PATIENCE_FD = 4;
/** The exit status by which flock(1), with `-n`, says that another has the lock. */
const HELD_ELSEWHERE = 1;

export type FlockMode = 'shared' | 'exclusive';

/** The option of flock(1) for each call. */
const OPTIONS = { shared: '-s', exclusive: '-x', unlock: '-u' } as const;
/** The same of Perl's, beginning with the options; Perl's words for an error are the system's. */
const IN_PERL = `
use Fcntl ':flock';
my %how = ('-s', LOCK_SH, '-x', LOCK_EX, '-u', LOCK_UN);
my ($how, $wait) = ($how{$ARGV[0]}, $ARGV[1] eq '-n' ? LOCK_NB : 0);
open(my $file, '<&=', ${FD}) or die "$!\\n";
exit 0 if flock($file, $how | $wait);
exit ${HELD_ELSEWHERE} if $!{EWOULDBLOCK} || $!{EAGAIN};
print STDERR "$!\\n";
exit 71;
`;

/**
 * Waits for the lock as long as the other end of a pipe is open: neither a caller that gives up nor one that is killed leaves the
 * waiting program behind. The descriptor is left to that program alone.
 */
const WAIT = `
"$@" ${PATIENCE_FD}<&- & locker=$!
exec ${FD}<&-
{ read -r _ <&${PATIENCE_FD}; kill "$locker"; } 2>/dev/null & watch=$!
wait "$locker"; status=$?
kill "$watch" 2>/dev/null; wait "$watch" 2>/dev/null
exit "$status"
`;

/** The program that locks for us: flock(1), or Perl. */
export interface FlockProgram {
  file: string;
  isPerl: boolean;
}

let found: FlockProgram | null | undefined;

/** Returns the one that this system has; null: neither. Windows has no such locks. */
export function flockProgram(): FlockProgram | null {
  if (found === undefined) found = process.platform === 'win32' ? null : (flockFile() ?? perl());
  return found;
}

function flockFile(): FlockProgram | null {
  const file = PLACES.find((place) => fs.existsSync(place));
  return file === undefined ? null : { file, isPerl: false };
}

function perl(): FlockProgram | null {
  const file = perlFile();
  return file === null ? null : { file, isPerl: true };
}

/** The words of a call that waits (`isPatient`), or does not. */
function callOf({ file, isPerl }: FlockProgram, option: string, isPatient = false): [file: string, ...args: string[]] {
  if (isPerl) return [file, '-e', IN_PERL, '--', option, isPatient ? '' : '-n'];
  return [file, option, ...(isPatient ? [] : ['-n']), String(FD)];
}

/**
 * Opens a file or a directory to be locked, as flock(1) does: made if it is missing, never changed. No command inherits it unless
 * it is given to it.
 */
export function openToFlock(path: string): number {
  const flags = O_RDONLY | O_NOCTTY | O_NONBLOCK;
  // First without O_CREAT, which the kernel refuses for a directory, and in `/tmp` for another user's file.
  return unlessErrno(['ENOENT'], null, () => fs.openSync(path, flags)) ?? fs.openSync(path, flags | O_CREAT, MODE);
}

/** Whether the path still leads to the file that is open: others lock what has the name by now. */
export function isOpenAs(fd: number, path: string): boolean {
  const found = fs.statSync(path, { bigint: true, throwIfNoEntry: false });
  const { ino, dev } = fs.fstatSync(fd, { bigint: true });
  return found?.ino === ino && found.dev === dev;
}

/** Locks at once; false if others have the lock. Blocks for some milliseconds. */
export function flockSync(program: FlockProgram, fd: number, mode: FlockMode): boolean {
  return calledSync(fd, callOf(program, OPTIONS[mode]));
}

/** Unlocks for every process that has the same open file. */
export function unflockSync(program: FlockProgram, fd: number): void {
  calledSync(fd, callOf(program, OPTIONS.unlock));
}

function calledSync(fd: number, [file, ...args]: [file: string, ...args: string[]]): boolean {
  const { status, signal, stderr, error } = spawnSync(file, args, { stdio: ['ignore', 'ignore', 'pipe', fd], env: {} });
  if (error) throw error;
  return isLocked(status, signal, stderr.toString());
}

/** The same as `flockSync`, without blocking. */
export async function flock(program: FlockProgram, fd: number, mode: FlockMode): Promise<boolean> {
  const [file, ...args] = callOf(program, OPTIONS[mode]);
  return endOf(spawn(file, args, { stdio: ['ignore', 'ignore', 'pipe', fd], env: {} }));
}

/** A wait for the lock, in the kernel's own line. */
export interface FlockWait {
  /** Resolves to whether it is locked; false once the caller has given up. Nothing waits any more then. */
  locked: Promise<boolean>;
  giveUp(): void;
}

export function waitForFlock(program: FlockProgram, fd: number, mode: FlockMode): FlockWait {
  const args = ['-c', WAIT, 'sh', ...callOf(program, OPTIONS[mode], true)];
  // A session of its own: Ctrl-C at our terminal is for us to handle.
  const child = spawn('/bin/sh', args, {
    stdio: ['ignore', 'ignore', 'pipe', fd, 'pipe'],
    env: {},
    detached: true,
  });
  const pipe = child.stdio[PATIENCE_FD] as Readable | null;
  // Only with a reader its end is noticed.
  pipe?.on('error', () => undefined).resume();
  let hasGivenUp = false;
  const giveUp = () => {
    hasGivenUp = true;
    pipe?.destroy();
  };
  const locked = endOf(child).catch((error: unknown) => {
    if (hasGivenUp) return false;
    throw error;
  });
  return { locked, giveUp };
}

async function endOf(child: ChildProcess): Promise<boolean> {
  let words = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    words += text;
  });
  const [status, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
  return isLocked(status, signal, words);
}

/** @throws unless the program says that it has locked, or that others have the lock */
function isLocked(status: number | null, signal: NodeJS.Signals | null, words: string): boolean {
  if (status === 0) return true;
  if (status === HELD_ELSEWHERE) return false;
  const how = signal === null ? `exit status ${status}` : signal;
  throw systemError('EIO', `the system did not lock it: ${words.trim() || how}`);
}
