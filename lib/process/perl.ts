/** Where it may be: `PATH` may be the command's own, or empty. */
export const PERL = ['/usr/bin/perl', '/bin/perl', '/usr/local/bin/perl'];
