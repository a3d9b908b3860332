import { perlFile } from '../host/perl-file.ts';
import { BECOME_COMMAND, IGNORE_SIGNALS } from './perl.ts';

/** Beyond the descriptors that scripts and shells use. */
const LIFELINE_FD = 62;
/**
 * Node keeps signals ignored that a command must not ignore, and a shell cannot change that; Perl can. Its first words are: the
 * lifeline's path, which may be empty; the name that it gets; how many numbers of signals follow, which stay ignored.
 */
const BECOME = `
use POSIX ();
my ($path, $name, $count) = splice(@ARGV, 0, 3);
my @ignored = splice(@ARGV, 0, $count);
if ($path ne '' && sysopen(my $lifeline, $path, POSIX::O_RDONLY() | POSIX::O_NONBLOCK())) {
  rename($path, $name) if POSIX::dup2(fileno($lifeline), ${LIFELINE_FD});
  close($lifeline);
}
POSIX::sigprocmask(POSIX::SIG_SETMASK(), POSIX::SigSet->new());
$SIG{PIPE} = $SIG{XFSZ} = 'DEFAULT';
${IGNORE_SIGNALS}
${BECOME_COMMAND}`;

/** Older versions of Node have no such method, nor have the types of the oldest one that we support. */
interface Replaceable {
  execve?: (file: string, args: readonly string[], env: Record<string, string | undefined>) => never;
}

export interface ExecOptions {
  env: NodeJS.ProcessEnv;
  /** The numbers of the signals that the command ignores. */
  ignored: readonly number[];
  /** A FIFO that the command is to hold, and the name that it gets as soon as it is held. */
  lifeline: { path: string; name: string } | null;
}

/** Why this process cannot become a command, or null. */
export function whyNotExec(): string | null {
  if (typeof (process as Replaceable).execve !== 'function')
    return `it takes a Node with process.execve (22.15, 23.11 or later); this one is ${process.version}`;
  return perlFile() === null ? 'it takes perl, and there is none' : null;
}

/**
 * Has the command replace this process: same pid, same start time, same standard streams. Nothing of this program runs
 * afterwards, no exit handler either. Descriptors from 3 upwards do not reach it: Node closes them.
 */
export function exec(words: readonly string[], { env, ignored, lifeline }: ExecOptions): never {
  const perl = perlFile() ?? '';
  const { path = '', name = '' } = lifeline ?? {};
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined));
  const args = ['-e', BECOME, '--', path, name, String(ignored.length), ...ignored.map(String), ...words];
  return (process as Replaceable).execve?.(perl, [perl, ...args], given) as never;
}
