/** Ignores the signals whose numbers are in `@ignored`. */
export const IGNORE_SIGNALS = `
if (@ignored) { require Config; my @by = split(' ', $Config::Config{sig_name}); $SIG{$by[$_]} = 'IGNORE' for @ignored }`;

/** Becomes the command that is left in `@ARGV`. Fails in the words, and with the status, of a shell. */
export const BECOME_COMMAND = `
{ no warnings; exec { $ARGV[0] } @ARGV }
my $status = $!{ENOENT} ? 127 : 126;
print STDERR "lockstep: $ARGV[0]: $!\\n";
exit $status;
`;
