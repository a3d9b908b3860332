#!/bin/sh
':' /*
# A shell begins this file here, and becomes Node in it; to Node these lines are a comment.
#
# Before its first line of a program runs, Node sets ignored signals back to their defaults, and marks the descriptors that it
# inherited so that a command would not get them. So the shell writes down what it began with, in variables that the program
# takes out of its environment again. A shell itself drops variables whose names are not valid in a shell, and adds some of its
# own, such as PWD: hence the copy of the environment, in hexadecimal, in parts that are not too long for one variable.
LOCKSTEP_IGNORED=0
lockstep_ignored() {
  [ "$#" -ge 31 ] || return 0
  shift 30
  LOCKSTEP_IGNORED=$1
}
if [ -r "/proc/$$/stat" ]; then
  IFS= read -r LOCKSTEP_STAT < "/proc/$$/stat"
  lockstep_ignored ${LOCKSTEP_STAT##*) }
  # Some shells ignore SIGQUIT themselves (bash, that of busybox). A part of them does as the shell was started to.
  [ "$((LOCKSTEP_IGNORED & 4))" = 0 ] ||
    lockstep_ignored $(IFS= read -r LOCKSTEP_STAT < /proc/self/stat; echo "${LOCKSTEP_STAT##*) }")
  LOCKSTEP_FDS=
  for LOCKSTEP_FD in "/proc/$$/fd"/*; do
    # Not the one by which the shell reads this file, nor the one by which it has just read the directory.
    [ "$LOCKSTEP_FD" -ef "$0" ] || [ ! -e "$LOCKSTEP_FD" ] || LOCKSTEP_FDS="$LOCKSTEP_FDS $LOCKSTEP_FD"
  done
  unset LOCKSTEP_FD
  export LOCKSTEP_STAT LOCKSTEP_IGNORED LOCKSTEP_FDS
  LOCKSTEP_AT=0
  while LOCKSTEP_PART=$(command -p od -An -v -tx1 -j "$LOCKSTEP_AT" -N 40000 "/proc/$$/environ" 2> /dev/null); do
    export "LOCKSTEP_ENVIRON_$LOCKSTEP_AT=$LOCKSTEP_PART"
    [ "${#LOCKSTEP_PART}" -ge 120000 ] || break
    LOCKSTEP_AT=$((LOCKSTEP_AT + 40000))
  done
  unset LOCKSTEP_AT LOCKSTEP_PART
fi
# The first process of a container must reap orphans, which Node cannot. A shell that waits does; and it passes on all signals.
if [ "$$" = 1 ]; then
  # A shell takes the input from what it starts with an ampersand, unless another descriptor has it.
  for LOCKSTEP_FD in 9 8 7 6 5 4 3; do
    [ -e "/proc/$$/fd/$LOCKSTEP_FD" ] || break
  done
  eval "exec $LOCKSTEP_FD<&0 < /dev/null"
  eval 'node "$0" "$@" '"<&$LOCKSTEP_FD $LOCKSTEP_FD<&- &"
  LOCKSTEP_CHILD=$!
  eval "exec $LOCKSTEP_FD<&-"
  for LOCKSTEP_SIGNAL in HUP INT QUIT USR1 USR2 TERM WINCH CONT; do
    trap "kill -$LOCKSTEP_SIGNAL $LOCKSTEP_CHILD 2> /dev/null" "$LOCKSTEP_SIGNAL"
  done
  wait "$LOCKSTEP_CHILD"
  LOCKSTEP_STATUS=$?
  # A signal interrupts the wait, too.
  while kill -0 "$LOCKSTEP_CHILD" 2> /dev/null; do
    wait "$LOCKSTEP_CHILD"
    LOCKSTEP_STATUS=$?
  done
  exit "$LOCKSTEP_STATUS"
fi
# Until the program is loaded and handles them, signals that were ignored would end it: GNU's env can block them.
LOCKSTEP_BLOCKED=
for LOCKSTEP_SIGNAL in 1 2 3 10 12 14 15 18 20 21 22; do
  [ "$((LOCKSTEP_IGNORED >> (LOCKSTEP_SIGNAL - 1) & 1))" = 0 ] || LOCKSTEP_BLOCKED=$LOCKSTEP_BLOCKED,$LOCKSTEP_SIGNAL
done
if [ -n "$LOCKSTEP_BLOCKED" ] && env --block-signal="${LOCKSTEP_BLOCKED#,}" true 2> /dev/null; then
  exec env --block-signal="${LOCKSTEP_BLOCKED#,}" node "$0" "$@"
fi
exec node "$0" "$@"
*/
