/**
 * The command line, split at the first `--`. The words behind it belong to another program, so no parser of ours sees
 * them. (yargs' `populate--` does not distinguish a `--` with nothing behind it from none.)
 */
export interface Words {
  /** Lockstep's own. */
  own: string[];
  /** Those behind `--`; null without `--`. */
  command: string[] | null;
}

export function splitWords(argv: readonly string[]): Words {
  const cut = argv.indexOf('--');
  return cut === -1 ? { own: [...argv], command: null } : { own: argv.slice(0, cut), command: argv.slice(cut + 1) };
}
