import path from 'node:path';
import { shared } from '../copies.ts';

const MAX_CHARACTERS = 200;
let cached: string | undefined;
/** The script that this process runs, where that is not the one on its command line. */
const instead = shared('script/1', () => ({ script: null as string | null }));

/** This process's command line in short: `node build.js --all`. */
export function commandLine(): string {
  cached ??= shortCommand([process.argv0, ...(instead.script === null ? process.argv.slice(1) : [instead.script])]);
  return cached;
}

/** Makes this process known as one that runs this script, and not the one on its command line. */
export function runsScript(script: string): void {
  instead.script = script;
}

/** A command line whose program and script have no directories, cut to 200 characters. */
export function shortCommand([program = '', ...rest]: readonly string[]): string {
  const [script, ...args] = rest;
  const words = [
    path.basename(program),
    ...(script === undefined ? [] : [path.isAbsolute(script) ? path.basename(script) : script]),
    ...args,
  ];
  const line = words
    .join(' ')
    .replace(/\p{Cc}+/gu, ' ')
    .toWellFormed();
  return line.length <= MAX_CHARACTERS ? line : `${line.slice(0, MAX_CHARACTERS - 1).toWellFormed()}…`;
}
