import { existsSync } from 'node:fs';

/** `PATH` may be the command's own, or empty. */
const PLACES = ['/usr/bin/perl', '/bin/perl', '/usr/local/bin/perl'];

/** Where Perl is, or null. */
export function perlFile(): string | null {
  return PLACES.find((file) => existsSync(file)) ?? null;
}
