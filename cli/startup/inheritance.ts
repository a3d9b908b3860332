import fs from 'node:fs';
import { constants } from 'node:os';

/**
 * The state that this process got from its parent, and that Node does not hand on to a command: Node forgets which signals were
 * ignored, and closes the descriptors from 3 upwards when a command starts. `launcher.sh` records it before Node runs. Where Node was
 * started without it (`node …/main.js`), ignored signals are not known, and descriptors are distinguished from Node's own by their kinds.
 */
export interface Inheritance {
  /** The numbers of the signals that were ignored. */
  readonly ignored: readonly number[];
  /** The descriptors from 3 upwards, in ascending order. */
  readonly descriptors: readonly number[];
  /** Names of variables that were lost on the way, because no shell passes them on and they are not UTF-8. */
  readonly lost: readonly string[];
}

/** Node passes on any beyond: it marks the lowest ones only. */
const LAST_DESCRIPTOR = 1_023;
/** The files that Node opens for itself, apart from pipes. */
const OF_NODE = /^anon_inode:\[?(eventpoll|eventfd|io_uring)/;
/** Fields of `/proc/PID/stat` behind the name of the program. */
const START_TIME = 19;

/** Node cannot handle these, or ignores them anyway; and the signals that report a fault must have their effect. */
const NOT_OURS = 'KILL STOP CHLD PIPE XFSZ SEGV BUS FPE ILL ABRT IOT TRAP SYS'.split(' ').map((name) => `SIG${name}`);

/** Of this process. Read as soon as this module is loaded: later other files are open. */
export const inheritance: Inheritance = found();

// Node has set them back to their defaults, and offers only handlers. Until here they end us: nothing has begun yet.
for (const [signal, number] of Object.entries(constants.signals))
  if (inheritance.ignored.includes(number) && !NOT_OURS.includes(signal)) process.on(signal, () => undefined);

function found(): Inheritance {
  const { LOCKSTEP_STAT: stat, LOCKSTEP_IGNORED: mask = '0', LOCKSTEP_FDS: fds } = process.env;
  const environ = takenEnvironment();
  for (const name of ['LOCKSTEP_STAT', 'LOCKSTEP_IGNORED', 'LOCKSTEP_FDS']) delete process.env[name];
  if (stat === undefined || fds === undefined || !isOurs(stat))
    return { ignored: [], descriptors: withoutChannel(foreignDescriptors()), lost: [] };
  const lost = environ ? restoreEnvironment(Buffer.from(environ.replace(/\s/g, ''), 'hex')) : [];
  return {
    ignored: ignoredIn(BigInt(mask)),
    descriptors: withoutChannel(fds.split(' ').map((path) => Number(path.slice(path.lastIndexOf('/') + 1)))),
    lost,
  };
}

/** The parts of the copy, by the places at which they begin. Their variables are removed. */
function takenEnvironment(): string {
  const parts = Object.keys(process.env).filter((name) => /^LOCKSTEP_ENVIRON_\d+$/.test(name));
  const placeOf = (name: string) => Number(name.slice(name.lastIndexOf('_') + 1));
  return parts
    .sort((a, b) => placeOf(a) - placeOf(b))
    .map((name) => {
      const part = process.env[name] ?? '';
      delete process.env[name];
      return part;
    })
    .join(' ');
}

/** Whether the shell that wrote it became this process, or started it as the first process of a container. */
function isOurs(stat: string): boolean {
  const pid = Number.parseInt(stat, 10);
  if (pid !== process.pid && !(pid === 1 && process.ppid === 1)) return false;
  try {
    return fieldsOf(stat)[START_TIME] === fieldsOf(fs.readFileSync(`/proc/${pid}/stat`, 'latin1'))[START_TIME];
  } catch {
    return false;
  }
}

/** The fields behind the name, which may have any characters. */
function fieldsOf(stat: string): string[] {
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}

function ignoredIn(mask: bigint): number[] {
  return Array.from({ length: 31 }, (_, at) => at + 1).filter((number) => (mask >> BigInt(number - 1)) & 1n);
}

/**
 * Gives the environment back what a shell took from it, and takes what it added. Returns the names of variables that cannot be
 * given back.
 */
function restoreEnvironment(bytes: Buffer): string[] {
  const lost: string[] = [];
  const given = new Set<string>();
  for (const [name, value, isText] of variablesIn(bytes)) {
    given.add(name);
    // Node has taken its channel out of the environment.
    if (process.env[name] === value || name.startsWith('NODE_CHANNEL_')) continue;
    if (!isText && process.env[name] === undefined) lost.push(name);
    else process.env[name] = value;
  }
  for (const name of Object.keys(process.env)) if (!given.has(name)) delete process.env[name];
  return lost;
}

function* variablesIn(bytes: Buffer): Generator<[name: string, value: string, isText: boolean]> {
  for (let start = 0, end = bytes.indexOf(0); end !== -1; start = end + 1, end = bytes.indexOf(0, start)) {
    const text = bytes.toString('utf8', start, end);
    const at = text.indexOf('=', 1);
    if (at > 0) yield [text.slice(0, at), text.slice(at + 1), !text.includes('\ufffd')];
  }
}

/** A channel to a parent that is Node as well is this process's own. */
function withoutChannel(all: readonly number[]): number[] {
  const channel = (process.channel as { fd?: number } | undefined)?.fd;
  return all.filter((fd) => fd > 2 && fd <= LAST_DESCRIPTOR && fd !== channel).sort((a, b) => a - b);
}

function foreignDescriptors(): number[] {
  const targets = new Map<number, string>();
  for (const name of listed('/proc/self/fd')) if (Number(name) > 2) targets.set(Number(name), targetOf(name));
  const ends = [...targets.values()];
  // Node has both ends of a pipe of its own.
  const isOwnPipe = (target: string) => target.startsWith('pipe:') && ends.indexOf(target) !== ends.lastIndexOf(target);
  return [...targets].flatMap(([fd, target]) =>
    target === '' || OF_NODE.test(target) || isOwnPipe(target) ? [] : [fd],
  );
}

function listed(directory: string): string[] {
  try {
    return fs.readdirSync(directory);
  } catch {
    // Another system.
    return [];
  }
}

/** Empty for the descriptor by which the directory was just listed. */
function targetOf(name: string): string {
  try {
    return fs.readlinkSync(`/proc/self/fd/${name}`);
  } catch {
    return '';
  }
}
