/** A name as it can be copied into a shell. */
export function inShell(name: string): string {
  return /^[\w./-]+$/.test(name) && !name.startsWith('-') ? name : `'${name.replaceAll("'", "'\\''")}'`;
}
