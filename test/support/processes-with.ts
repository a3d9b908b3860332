import fs from 'node:fs';

/** The processes whose command line is meant, and whose environment has a text in it, by which it is known whose they are. */
export function processesWith(isMeant: (commandLine: string) => boolean, environment: string): number[] {
  const read = (file: string) => {
    try {
      return fs.readFileSync(file, 'latin1');
    } catch {
      // It has ended meanwhile.
      return '';
    }
  };
  return fs
    .readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => isMeant(read(`/proc/${pid}/cmdline`)) && read(`/proc/${pid}/environ`).includes(environment))
    .map(Number);
}
