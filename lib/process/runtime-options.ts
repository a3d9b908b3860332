/** Options of Node that say what its main program is, or are for one process only; with their values. */
const MAIN_ONLY: ReadonlyArray<[option: RegExp, hasValue: RegExp]> = [
  // The evaluated code would be the main program of the child, too, instead of its own. `-p -e CODE` has a value only once.
  [/^(-e|-pe|--eval|--snapshot-blob|--input-type)$/, /^/],
  [/^(-p|--print)$/, /^(?!-)/],
  [/^--(eval|print|snapshot-blob|input-type)=/, /^(?!)/],
  [/^(-i|--interactive|--test|--watch|--watch-preserve-output)$|^--watch-path=/, /^(?!)/],
  // There is one inspector at a port.
  [/^--(inspect-port|debug-port)$/, /^/],
  [/^--(inspect|debug)(-[a-z-]+)?(=|$)/, /^(?!)/],
];

/** The options of Node that a module's process gets: ours, so that it loads modules as we do. */
export function runtimeOptions(given: readonly string[] = process.execArgv): string[] {
  const kept: string[] = [];
  for (let at = 0; at < given.length; at++) {
    const word = given[at] ?? '';
    const [, hasValue] = MAIN_ONLY.find(([option]) => option.test(word)) ?? [];
    if (!hasValue) kept.push(word);
    else if (at + 1 < given.length && hasValue.test(given[at + 1] ?? '')) at += 1;
  }
  return kept;
}
