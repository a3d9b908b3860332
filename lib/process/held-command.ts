import { existsSync } from 'node:fs';
import { restoring, type Undecoded } from './undecoded.ts';

/** The descriptor on which a held command waits for a line. */
export const GO_FD = 3;

/**
 * Waits for a line on descriptor 3, then becomes the command: same pid, same start time. If the starter is gone, the line
 * never comes, and the command never starts. The words are passed on unchanged, never parsed again.
 */
const WAIT_FOR_GO = `read -r _ <&${GO_FD} || exit 125; exec "$@" ${GO_FD}<&-`;
/** A POSIX shell passes on only environment variables whose names are valid in a shell. */
const SHELL_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

const PERL = ['/usr/bin/perl', '/bin/perl', '/usr/local/bin/perl'];
/**
 * The same in Perl, which keeps every variable as it is. Its first argument says how many names follow: of variables that Node
 * could not decode, to be taken from our process. The second says whether the words are to be taken from there, too.
 */
const WAIT_FOR_GO_IN_PERL = `
my ($names, $words) = splice(@ARGV, 0, 2);
my %lost = map { $_ => 1 } splice(@ARGV, 0, $names);
sub items { open(my $file, '<', '/proc/' . getppid() . '/' . $_[0]) or exit 125; local $/; split(/\\0/, <$file>, -1) }
if ($names) { for (items('environ')) { my ($name, $value) = split(/=/, $_, 2); $ENV{$name} = $value if $lost{$name // ''} } }
if ($words) { my @all = items('cmdline'); pop @all; @ARGV = @all[-@ARGV .. -1] }
open(my $go, '<&=', ${GO_FD}) or exit 125;
defined(readline($go)) or exit 125;
close($go);
{ no warnings; exec { $ARGV[0] } @ARGV }
my $status = $!{ENOENT} ? 127 : 126;
print STDERR "lockstep: $ARGV[0]: $!\\n";
exit $status;
`;

export interface HeldCommand {
  file: string;
  args: string[];
  /** False where nothing can hold it: then it begins when it is started. */
  isHeld: boolean;
}

/**
 * Returns a command line that holds the command until a line comes on descriptor 3. So the starter can record the process before
 * the command begins, and leaves nothing running if it is killed before that.
 *
 * A shell holds it; where the environment has variables that a shell drops (`a.b`, exported bash functions), Perl does. Their
 * values must not be passed to a shell as arguments, which every user can read. Without Perl such a command is not held.
 *
 * @throws {Error} if its bytes could not be handed on
 */
export function heldCommand(
  words: readonly string[],
  env: NodeJS.ProcessEnv,
  undecoded?: Undecoded,
  perl = PERL.find((file) => existsSync(file)) ?? null,
): HeldCommand {
  const given = Object.keys(env).filter((name) => env[name] !== undefined && name !== '');
  if (given.every((name) => SHELL_NAME.test(name))) return heldByShell(words, undecoded);
  if (perl !== null) return heldByPerl(perl, words, undecoded);
  if (undecoded) throw new Error('something in it is not UTF-8, and there is no perl, which could hand it on');
  const [file = '', ...args] = words;
  return { file, args, isHeld: false };
}

function heldByShell(words: readonly string[], undecoded: Undecoded | undefined): HeldCommand {
  // Some shells' `exec` takes such a command for an option. And `env` would take one with `=` in its name for a variable.
  const isOdd = words[0]?.startsWith('-') && !words[0].includes('=');
  const given = isOdd ? ['/usr/bin/env', '--', ...words] : words;
  const restored = undecoded ? restoring(undecoded, given.length) : '';
  return { file: '/bin/sh', args: ['-c', restored + WAIT_FOR_GO, 'lockstep', ...given], isHeld: true };
}

function heldByPerl(file: string, words: readonly string[], undecoded: Undecoded | undefined): HeldCommand {
  const names = [...(undecoded?.variables.keys() ?? [])];
  const counts = [String(names.length), undecoded && undecoded.words.size > 0 ? '1' : '0'];
  return { file, args: ['-e', WAIT_FOR_GO_IN_PERL, '--', ...counts, ...names, ...words], isHeld: true };
}
