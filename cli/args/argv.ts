/**
 * The command line, cut at the first `--`. What stands behind it is the shell's own words for another
 * program: no parser of ours ever sees them.
 */
export interface Words {
  /** For Lockstep. */
  own: string[];
  /** Behind `--`; null if there was none. */
  command: string[] | null;
}

export function splitWords(argv: readonly string[]): Words {
  const cut = argv.indexOf('--');
  return cut === -1 ? { own: [...argv], command: null } : { own: argv.slice(0, cut), command: argv.slice(cut + 1) };
}
