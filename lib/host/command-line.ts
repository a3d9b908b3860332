import path from 'node:path';

const MAX_CHARACTERS = 200;
let cached: string | undefined;

/** This process's command line in short: `node build.js --all`. */
export function commandLine(): string {
  cached ??= shortCommand([process.argv0, ...process.argv.slice(1)]);
  return cached;
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
