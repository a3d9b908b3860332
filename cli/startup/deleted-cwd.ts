/**
 * A verb that does not need its working directory works in a deleted one, as a cron job may have. yargs calls
 * `process.cwd()` when it is loaded, so this module is imported first, and answers for it until `lift()`.
 */

const { cwd } = process;

try {
  cwd();
} catch {
  process.cwd = () => '/';
}

/** Restores `process.cwd()`: our own code must not take another directory for the deleted one. */
export function lift(): void {
  process.cwd = cwd;
}
