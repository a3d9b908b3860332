import { ORDER, REST, TASK } from './keeper-order.ts';

/*
 * A guard waits beside a command, and reads from the session whose entry the command owns, one line each:
 *
 *   program TEXT        the keeper's program, for its standard input; without one it is a file
 *   command PID START   the command; START is its start time
 *   order JSON          for the keeper
 *   alive MS            the session lives, and the entry is surely in line for so long
 *   lost                the entry is lost: the session ends the command
 *   done                the entry was given back: the guard ends
 *
 * When the lines end without `done`, the session was killed. Its lease lives on for some seconds: the guard starts a keeper
 * process, from which it reads the same lines from then on, and the next one, if the keeper is killed, too. So the entry stays
 * as long as the command does. Where no keeper can be started in time, the guard kills the command.
 *
 * It is a script because it waits beside every command: a second Node would take 40 MB, and 50 ms before the command could begin.
 */

/** How long before the end of the time a keeper is started that ends the command: it takes Node so long, on a busy machine. */
export const LEAD_S = 1;

/**
 * In Perl, which can wait for a limited time: a session that is stopped (Ctrl-Z) sends nothing, and cannot end the command. Its words
 * are those of the keeper.
 */
export const PERL_GUARD = `
$SIG{$_} = 'IGNORE' for qw(HUP INT QUIT TERM PIPE);
my ($program, $order, $pid, $start, $task, $over, $ender) = ('', '', 0, 0, 'keep');

sub now { if (open(my $file, '<', '/proc/uptime')) { return (split(' ', readline($file)))[0] } time }
sub rest { my $rest = defined $over ? $over - now() : 0; $rest < 0 ? 0 : $rest }

# Reads lines; returns 1 for done, 0 for their end.
sub follow {
  my ($source, $buffer) = ($_[0], '');
  for (;;) {
    my $bits = '';
    vec($bits, fileno($source), 1) = 1;
    my $patience = defined $over && !$ender ? rest() - ${LEAD_S} : undef;
    my $ready = select($bits, undef, undef, defined $patience && $patience < 0 ? 0 : $patience);
    next if $ready < 0;
    if (!$ready) { $ender = fork(); keeper('late') if defined $ender && !$ender; next }
    sysread($source, $buffer, 4096, length $buffer) or return 0;
    while ($buffer =~ s/^(\\w+) ?([^\\n]*)\\n//) {
      my ($verb, $more) = ($1, $2);
      return 1 if $verb eq 'done';
      $program = "$more\\n" if $verb eq 'program';
      $order = $more if $verb eq 'order';
      ($pid, $start) = split(' ', $more) if $verb eq 'command';
      $task = 'end' if $verb eq 'lost';
      if ($verb eq 'alive') { $over = now() + $more / 1000; spare() }
    }
  }
}

# The session lives after all, or another keeper acts.
sub spare { if ($ender) { kill('KILL', $ender); waitpid($ender, 0); $ender = undef } }

sub keeper {
  ($ENV{${ORDER}}, $ENV{${TASK}}, $ENV{${REST}}) = ($order, $_[0], int(1000 * rest()));
  feed() if $program ne '';
  exec { $ARGV[0] } @ARGV or exit 1;
}

# Writes the program into a pipe that is this process's input. Who writes is nobody's child: the keeper waits for none.
sub feed {
  pipe(my $output, my $input) or exit 1;
  my $parent = fork();
  exit 1 if !defined $parent;
  if (!$parent) {
    my $writer = fork();
    exit if !defined $writer || $writer;
    close($output);
    open(STDOUT, '>', '/dev/null');
    print $input $program;
    close($input);
    exit;
  }
  waitpid($parent, 0);
  close($input);
  open(STDIN, '<&', $output) or exit 1;
  close($output);
}

sub is_running {
  open(my $file, '<', "/proc/$pid/stat") or return !-e '/proc/self/stat' && kill(0, $pid);
  my $stat = join('', readline($file));
  $stat =~ s/^.*\\) //s;
  my @fields = split(' ', $stat);
  $fields[0] ne 'Z' && $fields[19] == $start;
}

my $is_done = follow(*STDIN);
exit if $order eq '';
until ($is_done) {
  spare();
  my $began = open(my $keeper, '-|');
  keeper($task) if defined $began && !$began;
  $is_done = $began && follow($keeper);
  last if $is_done;
  if (!rest()) { kill('KILL', $pid) if is_running(); last }
  select(undef, undef, undef, 0.1);
}
spare();
`;

/** The same in a shell, where there is no Perl: it notices the end of the session, and not its silence. */
export const SHELL_GUARD = `
trap '' HUP INT QUIT TERM
program= order= pid= start= task=keep over=0
now() { read -r up _ < /proc/uptime && now=\${up%.*} || now=$(date +%s); }
follow() {
  while read -r verb more; do
    case $verb in
      done) return 0 ;;
      program) program=$more ;;
      order) order=$more ;;
      command) pid=\${more% *} start=\${more#* } ;;
      lost) task=end ;;
      alive) now; over=$((now + more / 1000)) ;;
    esac
  done
  return 1
}
is_running() {
  [ -r /proc/self/stat ] || { kill -s 0 "$pid"; return; }
  stat=
  while read -r line; do stat="$stat $line"; done < "/proc/$pid/stat" || return 1
  set -- \${stat##*) }
  [ "$1" != Z ] && [ "\${20}" = "$start" ]
}
keeper() {
  export "${ORDER}=$order" "${TASK}=$task" "${REST}=$((rest * 1000))"
  if [ -n "$program" ]; then printf '%s\\n' "$program" | "$@"; else exec "$@"; fi
}
follow && exit
[ -n "$order" ] || exit 0
while :; do
  now
  [ $over -gt $now ] && rest=$((over - now)) || rest=0
  keeper "$@" | follow && exit
  [ $rest -gt 0 ] || break
  sleep 1
done
is_running && kill -s KILL "$pid"
`;
