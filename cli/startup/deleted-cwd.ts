/**
 * A working directory that somebody deleted must stop nobody who does not need it: cron jobs run in such ones. yargs asks for
 * it as soon as it is loaded; so this is imported before it, and answers until `lift()`.
 */

const { cwd } = process;

try {
  cwd();
} catch {
  process.cwd = () => '/';
}

/** Nothing of ours may take another directory for the one that is gone. */
export function lift(): void {
  process.cwd = cwd;
}
