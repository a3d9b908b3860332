import { isUtf8 } from 'node:buffer';
import fs from 'node:fs';
import { seesOwnNamespace } from '../host/process-table.ts';

/** The place of an item in `/proc/PID/cmdline` or `environ` when every NUL is a newline: from line to line. */
export interface Lines {
  first: number;
  last: number;
}

/**
 * The arguments and variables of this process that are not UTF-8. In Node's strings such bytes are replaced; the kernel still has
 * them.
 */
export interface Undecoded {
  /** By the place of an argument, counted back from the last one, which is 0. */
  words: ReadonlyMap<number, Lines>;
  variables: ReadonlyMap<string, Lines>;
}

const NOTHING: Undecoded = { words: new Map(), variables: new Map() };
/** It never changes: the kernel shows what the process began with. */
let found: Undecoded | undefined;

/** Nothing also where the system does not show it; then the strings are all there is. */
export function undecoded(): Undecoded {
  found ??= findUndecoded();
  return found;
}

function findUndecoded(): Undecoded {
  if (process.platform !== 'linux' || !seesOwnNamespace()) return NOTHING;
  const [cmdline, environ] = [readAll('/proc/self/cmdline'), readAll('/proc/self/environ')];
  // A NUL is UTF-8, too: so are all items if they are together.
  if (isUtf8(cmdline) && isUtf8(environ)) return NOTHING;
  const [words, variables] = [itemsIn(cmdline), itemsIn(environ)];
  return {
    words: new Map(words.flatMap((item, at) => (isDecoded(item) ? [] : [[words.length - 1 - at, item.lines]]))),
    variables: new Map(variables.flatMap((item) => (isDecoded(item) ? [] : [[nameOf(item), item.lines]]))),
  };
}

interface Item {
  bytes: Buffer;
  lines: Lines;
}

function isDecoded({ bytes }: Item): boolean {
  return isUtf8(bytes);
}

function nameOf({ bytes }: Item): string {
  const text = bytes.toString();
  return text.slice(0, text.indexOf('='));
}

function itemsIn(all: Buffer): Item[] {
  const items: Item[] = [];
  let first = 1;
  for (let start = 0, end = all.indexOf(0); end !== -1; start = end + 1, end = all.indexOf(0, start)) {
    const bytes = all.subarray(start, end);
    const last = first + newlinesIn(bytes);
    items.push({ bytes, lines: { first, last } });
    first = last + 1;
  }
  return items;
}

/** By way of the system's own search: a loop over every byte of the environment would have V8 load its compiler, 3 MB. */
function newlinesIn(bytes: Buffer): number {
  let count = 0;
  for (let at = bytes.indexOf(0x0a); at !== -1; at = bytes.indexOf(0x0a, at + 1)) count += 1;
  return count;
}

function readAll(file: string): Buffer {
  try {
    return fs.readFileSync(file);
  } catch {
    return Buffer.alloc(0);
  }
}

/**
 * Lines for a shell that is our child: they put the bytes that the kernel has in place of arguments and variables that were
 * passed to it as Node's strings. `count` is how many arguments it has.
 */
export function restoring({ words, variables }: Undecoded, count: number): string {
  if (words.size + variables.size === 0) return '';
  const lines = [GET];
  const given = Array.from({ length: count }, (_, at) => `"\${${at + 1}}"`);
  for (const [back, place] of words) {
    const at = count - 1 - back;
    if (at < 0) continue;
    lines.push(`get cmdline ${place.first},${place.last}p; w${at}=$got`);
    given[at] = `"$w${at}"`;
  }
  for (const [name, place] of variables)
    lines.push(`get environ ${place.first},${place.last}p; ${name}=\${got#*=}; export ${name}`);
  return `${lines.join('\n')}\nset -- ${given.join(' ')}\n`;
}

/** The item of these lines, in `got`. A shell drops newlines at the end of an output: hence the x. */
const GET = `
get() {
  got=$(PATH=/usr/bin:/bin; export PATH; LC_ALL=C; export LC_ALL; tr '\\000' '\\n' < "/proc/$PPID/$1" | sed -n "$2"; printf x)
  got=\${got%x}
  got=\${got%"
"}
}`;
