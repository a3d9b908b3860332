import os from 'node:os';
import util from 'node:util';

/** In which of its two ways Node makes an error of a number: in JavaScript, or in C++. They differ where libuv has no name for it. */
export type Maker = 'javascript' | 'native';

/** What file systems on Linux report though neither libuv nor `os.constants` has a name for it. */
const UNNAMED: Record<string, number> = {
  EREMOTEIO: 121,
  EUCLEAN: 117,
  EHWPOISON: 133,
  ENOKEY: 126,
  EKEYREVOKED: 128,
  'errno 524': 524,
};

export function numberOf(name: string): number {
  return (os.constants.errno as Record<string, number>)[name] ?? (UNNAMED[name] as number);
}

/**
 * The error that Node throws when a system call fails with this one. `test/faults/kernel.test.ts` compares it with what
 * Node makes of an error from below.
 */
export function nodeError(name: string, syscall: string, by: Maker, path?: string): NodeJS.ErrnoException {
  const errno = -numberOf(name);
  const unknown = by === 'native' ? `Unknown system error ${errno}` : 'UNKNOWN';
  const inWords = by === 'native' ? unknown : 'unknown error';
  const [code, words] = util.getSystemErrorMap().get(errno) ?? [unknown, inWords];
  const where = path === undefined ? '' : ` '${path}'`;
  const error = new Error(`${code}: ${words}, ${syscall}${where}`);
  return Object.assign(error, { errno, syscall, code, ...(path === undefined ? {} : { path }) });
}
