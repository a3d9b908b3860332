import { statSync } from 'node:fs';
import { perlFile } from '../host/perl-file.ts';
import { BECOME_COMMAND, IGNORE_SIGNALS } from './perl.ts';
import { restoring, type Undecoded } from './undecoded.ts';

/** A POSIX shell passes on only environment variables whose names are valid in a shell. */
const SHELL_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;
/** These, some shells set or ignore whatever they are given. */
const OF_SHELLS_ALONE =
  /^(IFS|OPTIND|PPID|LINENO|RANDOM|SECONDS|E?UID|GROUPS|DIRSTACK|FUNCNAME|HISTCMD|SHELLOPTS|BASH.*)$/;
/** Shells give these to their children even if they have not got them themselves. */
const OF_SHELLS = ['PWD', 'OLDPWD', 'SHLVL'];
/** Greater ones than these, many shells cannot redirect. */
const LAST_FD_OF_SHELLS = 9;

/**
 * Waits for a line on a descriptor, then becomes the command: same pid, same start time. If the starter is gone, the line
 * never comes, and the command never starts. The words are passed on unchanged, never parsed again. The variable that is read
 * is none that the environment may have.
 */
const waitForGo = (fd: number) => `read -r LOCKSTEP_GO <&${fd} || exit 125; exec "$@" ${fd}<&-`;
/** A service manager that passes sockets names the process that they belong to. */
const OWN_SOCKETS = '[ "$LISTEN_PID" != "$PPID" ] || LISTEN_PID=$$\n';

/**
 * The same in Perl, which keeps every variable as it is. Its first words are: the descriptor; whether PERL_BADLANG was given to
 * Perl alone; how many ignored signals follow; how many names of variables follow, which Node could not decode, and are to be taken
 * from our process; whether the words are to be taken from there, too.
 */
const WAIT_FOR_GO_IN_PERL = `
my ($fd, $badlang, $signals, $names, $words) = splice(@ARGV, 0, 5);
my @ignored = splice(@ARGV, 0, $signals);
my %lost = map { $_ => 1 } splice(@ARGV, 0, $names);
delete $ENV{PERL_BADLANG} if $badlang;
sub items { open(my $file, '<', '/proc/' . getppid() . '/' . $_[0]) or exit 125; local $/; split(/\\0/, <$file>, -1) }
if ($names) { for (items('environ')) { my ($name, $value) = split(/=/, $_, 2); $ENV{$name} = $value if $lost{$name // ''} } }
if ($words) { my @all = items('cmdline'); pop @all; @ARGV = @all[-@ARGV .. -1] }
${IGNORE_SIGNALS}
$ENV{LISTEN_PID} = $$ if ($ENV{LISTEN_PID} // '') eq getppid();
open(my $go, '<&=', $fd) or exit 125;
defined(readline($go)) or exit 125;
close($go);
${BECOME_COMMAND}`;

/** The state that a command inherits from our parent by way of us, beyond its arguments and variables. */
export interface Inherited {
  /** From 3 upwards. */
  descriptors: readonly number[];
  /** The numbers of signals that it ignores. */
  ignored: readonly number[];
}

const NOTHING: Inherited = { descriptors: [], ignored: [] };

export interface HeldCommandOptions {
  /** Its directory. */
  cwd: string;
  /** The parts of the command and its environment that Node has no strings for. */
  undecoded?: Undecoded | undefined;
  inherited?: Inherited | undefined;
  /** Null: there is none. */
  perl?: string | null;
}

export interface HeldCommand {
  file: string;
  args: string[];
  /** The descriptor on which it waits for a line. Null where nothing can hold it: then it begins when it is started. */
  goFd: number | null;
  /** Variables for the holder alone, which the command does not get. */
  env: Record<string, string>;
}

/**
 * Returns a command line that holds the command until a line comes on a descriptor. So the starter can record the process before
 * the command begins, and leaves nothing running if it is killed before that.
 *
 * A shell holds it; where that would change the environment, Perl does: a shell drops some variables (`a.b`, exported bash
 * functions), sets others (`IFS`), and corrects a `PWD` that is wrong. Values of variables must not be passed to a shell as arguments, which every
 * user can read. Without Perl such a command is not held.
 *
 * @throws {Error} if its bytes, or the signals that it ignores, could not be handed on
 */
export function heldCommand(
  words: readonly string[],
  env: NodeJS.ProcessEnv,
  options: HeldCommandOptions,
): HeldCommand {
  const { undecoded, inherited = NOTHING } = options;
  const { perl = perlFile() } = options;
  let goFd = 3;
  while (inherited.descriptors.includes(goFd)) goFd += 1;
  const parts: Parts = { words, goFd, env, undecoded, ignored: inherited.ignored };
  const given = Object.keys(env).filter((name) => env[name] !== undefined && name !== '');
  const odd = given.find((name) => !SHELL_NAME.test(name) || OF_SHELLS_ALONE.test(name));
  const isForShell = odd === undefined && goFd <= LAST_FD_OF_SHELLS;
  if (isForShell && (perl === null || isDirectory(env.PWD, options.cwd))) return heldByShell(parts);
  if (perl !== null) return heldByPerl(perl, parts);
  // Only Perl could hand on all of it.
  const rest = odd === undefined ? `more than ${LAST_FD_OF_SHELLS} descriptors` : `the variable '${odd}'`;
  const remedy = `there is no Perl, and a shell could not hand on ${rest}. Install Perl, or start it without that`;
  if (undecoded) throw new Error(`something in it is not UTF-8; ${remedy}`);
  if (parts.ignored.length > 0) throw new Error(`it is to ignore signals; ${remedy}`);
  const [file = '', ...args] = words;
  return { file, args, goFd: null, env: {} };
}

/** Whether a shell would keep this PWD: it is another name of the directory, or not given. */
function isDirectory(pwd: string | undefined, cwd: string): boolean {
  if (pwd === undefined || pwd === cwd) return true;
  if (!pwd.startsWith('/')) return false;
  const [named, actual] = [pwd, cwd].map((path) => statSync(path, { throwIfNoEntry: false, bigint: true }));
  return named !== undefined && named.dev === actual?.dev && named.ino === actual.ino;
}

interface Parts {
  words: readonly string[];
  goFd: number;
  env: NodeJS.ProcessEnv;
  undecoded: Undecoded | undefined;
  ignored: readonly number[];
}

function heldByShell({ words, goFd, env, undecoded, ignored }: Parts): HeldCommand {
  // Some shells' `exec` takes such a command for an option. And `env` would take one with `=` in its name for a variable.
  const isOdd = words[0]?.startsWith('-') && !words[0].includes('=');
  const given = isOdd ? ['/usr/bin/env', '--', ...words] : words;
  const added = OF_SHELLS.filter((name) => env[name] === undefined);
  const script = [
    undecoded ? restoring(undecoded, given.length) : '',
    ignored.length > 0 ? `trap '' ${ignored.join(' ')}\n` : '',
    env.LISTEN_PID === undefined ? '' : OWN_SOCKETS,
    added.length > 0 ? `unset ${added.join(' ')}\n` : '',
    waitForGo(goFd),
  ];
  return { file: '/bin/sh', args: ['-c', script.join(''), 'lockstep', ...given], goFd, env: {} };
}

function heldByPerl(file: string, { words, goFd, env, undecoded, ignored }: Parts): HeldCommand {
  const names = [...(undecoded?.variables.keys() ?? [])];
  // It would complain of a locale that it does not know.
  const extra: Record<string, string> = env.PERL_BADLANG === undefined ? { PERL_BADLANG: '0' } : {};
  const flags = [
    Object.keys(extra).length,
    ignored.length,
    names.length,
    undecoded && undecoded.words.size > 0 ? 1 : 0,
  ];
  return {
    file,
    args: ['-e', WAIT_FOR_GO_IN_PERL, '--', ...[goFd, ...flags, ...ignored].map(String), ...names, ...words],
    goFd,
    env: extra,
  };
}
