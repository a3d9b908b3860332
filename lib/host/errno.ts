import os from 'node:os';

/**
 * Identifies system errors. Node names only those that libuv knows. Any other (EDQUOT, ESTALE, EUCLEAN, …) comes with
 * the `code` "UNKNOWN" or "Unknown system error -122", depending on the call, and with its number in `errno`.
 */

/** A name: libuv's, or one that proper-lockfile made in the same form. Node's own `ERR_…` codes do not match. */
const NAMED = /^E[A-Z0-9]+$/;

/** The beginning of Node's message for an error that it has no name for. */
const NAMELESS = /^(UNKNOWN: unknown error|Unknown system error -\d+: Unknown system error -\d+)/;

/** Errors of file systems on Linux that `os.constants` lacks, as the architectures below number them. */
const LINUX: Record<number, string> = {
  15: 'ENOTBLK',
  64: 'ENONET',
  66: 'EREMOTE',
  70: 'ECOMM',
  76: 'ENOTUNIQ',
  77: 'EBADFD',
  78: 'EREMCHG',
  85: 'ERESTART',
  87: 'EUSERS',
  108: 'ESHUTDOWN',
  112: 'EHOSTDOWN',
  117: 'EUCLEAN',
  120: 'EISNAM',
  121: 'EREMOTEIO',
  123: 'ENOMEDIUM',
  124: 'EMEDIUMTYPE',
  126: 'ENOKEY',
  127: 'EKEYEXPIRED',
  128: 'EKEYREVOKED',
  129: 'EKEYREJECTED',
  130: 'EOWNERDEAD',
  131: 'ENOTRECOVERABLE',
  133: 'EHWPOISON',
};
const LINUX_NUMBERED_ALIKE = ['x64', 'arm64', 'arm', 'ia32', 'ppc64', 's390x', 'riscv64', 'loong64'];

/** Made at the first error without a name, so that it does not slow the start of every command line. */
let names: Map<number, string> | undefined;

/** The name of a system error on this platform: `EDQUOT`, or `errno 524` if it has none. */
export function nameOfErrno(errno: number): string {
  names ??= namesHere();
  const number = Math.abs(errno);
  return names.get(number) ?? `errno ${number}`;
}

/** The name of the system error that an exception is; null if it is none. */
export function errnoName(error: unknown): string | null {
  const { code, errno } = (error ?? {}) as Partial<NodeJS.ErrnoException>;
  if (typeof code === 'string' && NAMED.test(code)) return code;
  return Number.isInteger(errno) && errno !== 0 ? nameOfErrno(errno as number) : null;
}

/** The same for a message; `an unknown error` if it is none. */
export function errnoWords(error: unknown): string {
  return errnoName(error) ?? 'an unknown error';
}

/** Whether an exception is one of these system errors. */
export function isErrno(error: unknown, ...wanted: readonly string[]): boolean {
  const name = errnoName(error);
  return name !== null && wanted.includes(name);
}

/** The errors for a path where nothing is. */
export const ABSENT = ['ENOENT', 'ENOTDIR'];

/** Runs a call, and returns `instead` if it throws one of these errors. */
export function unlessErrno<T>(names: readonly string[], instead: T, call: () => T): T {
  try {
    return call();
  } catch (error) {
    if (isErrno(error, ...names)) return instead;
    throw error;
  }
}

/** Node's message, with the error's name where Node has none. */
export function messageOf(error: Error): string {
  return error.message.replace(NAMELESS, errnoName(error) ?? '$&');
}

/** A failure that Lockstep itself detected, in the form of Node's system errors. */
export function systemError(name: string, why: string, details: { path?: string } = {}): NodeJS.ErrnoException {
  const number = (os.constants.errno as Record<string, number>)[name];
  const errno = number === undefined ? {} : { errno: -number };
  return Object.assign(new Error(`${name}: ${why}`), { code: name, ...errno, ...details });
}

/** If a number has two names, the first is used: `EAGAIN`, `ENOTSUP`. */
function namesHere(): Map<number, string> {
  const isNumberedAlike = process.platform === 'linux' && LINUX_NUMBERED_ALIKE.includes(process.arch);
  const all = Object.entries(isNumberedAlike ? LINUX : {}).map(([number, name]) => [Number(number), name] as const);
  const named = Object.entries(os.constants.errno).map(([name, number]) => [number, name] as const);
  return new Map([...all, ...named.reverse()]);
}
