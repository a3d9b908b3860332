const LOOK_S = 0.05;
/** After its grace a daemon is killed again and again for this long: a process may have started another one meanwhile. */
const KILL_MS = 2_000;

/**
 * A shell script that reads the daemons to watch from standard input. The end of input means that main is gone, for whatever
 * reason: then the script sends SIGTERM to all that belongs to the daemons in its list, and SIGKILL after each daemon's grace.
 *
 * Then it removes the directories of its list: those that main and its daemons have used alone.
 *
 * To a daemon belong its process group; the processes outside of it whose environment has the variable `$1`, with the
 * daemon's value; and the descendants of both. `$1` is `-` where the system shows no processes: then it is the group.
 *
 * It is a shell script because it waits beside every program that has a daemon, and a shell takes 1 MB. It needs no other
 * process to kill the groups: the system may refuse to start one.
 */
export const GUARDIAN_SCRIPT = `
trap '' HUP INT QUIT TERM
PATH=$PATH:/usr/bin:/bin
mark=$1 watched= removed= first= strays= elapsed=0 longest=0 new= left=

while read -r verb group grace value; do
  case $verb in
    watch) watched="$watched $group:$grace:$value" ;;
    first) first=$group ;;
    leave)
      rest=
      for each in $watched; do case $each in "$group":*) ;; *) rest="$rest $each" ;; esac; done
      watched=$rest ;;
    remove) removed="$removed $group" ;;
    removed)
      rest=
      for each in $removed; do [ "$each" = "$group" ] || rest="$rest $each"; done
      removed=$rest ;;
  esac
done

# Sends a signal to a group. The kill of busybox takes \`--\` for one more process, and fails; others need it.
if kill -s 0 -- $$; then to_group() { kill -s "$1" -- "-$2"; }; else to_group() { kill -s "$1" "-$2"; }; fi

# Sets the fields of a daemon.
fields() { group=\${1%%:*} value=\${1##*:} grace=\${1#*:}; grace=\${grace%:*}; }

# Sets state, pgrp and start of a process, unless it is gone. A command's name may have spaces, brackets and newlines.
stat_of() {
  stat=
  while read -r line; do stat="$stat $line"; done < "/proc/$1/stat" || return 1
  set -- \${stat##*) }
  state=$1 pgrp=$3 start=\${20}
  [ -n "$start" ] && [ "$state" != Z ] && [ "$state" != X ]
}

# Sets the grace of the daemon whose group, or whose value, this is; fails if there is none.
grace_of() {
  for each in $watched; do
    fields "$each"
    [ "$1" = "$group" ] || [ "$1" = "=$value" ] && return 0
  done
  grace=0
  return 1
}

pause() { if sleep ${LOOK_S}; then elapsed=$((elapsed + ${LOOK_S * 1000})); else sleep 1; elapsed=$((elapsed + 1000)); fi; }

# Prints the files of all environments that have the mark: three processes, however many there are to look at.
marked() {
  head -n 100000 /proc/[0-9]*/environ | tr '\\000' '\\n' | sed -n -e '/^==> /p' -e "/^$mark=/p" | while read -r line; do
    case $line in '==> '*) file=\${line#==> } file=\${file% <==} ;; *) echo "$file" ;; esac
  done
}

# Adds to the strays all processes that belong to a daemon and are not in its group; sets those that are new.
look() {
  new= todo= seen=' '
  [ "$mark" = - ] && return
  for each in $watched; do
    fields "$each"
    stat_of "$group" && [ "$pgrp" = "$group" ] && todo="$todo $group:"
  done
  for file in $(marked); do file=\${file#/proc/}; todo="$todo \${file%/environ}:"; done
  while :; do
    set -- $todo
    [ $# -gt 0 ] || break
    todo=
    for item do visit "\${item%%:*}" "\${item#*:}"; done
  done
}

# The second argument is the grace of the process that started it, if that is known.
visit() {
  case $seen in *" $1 "*) return ;; esac
  seen="$seen$1 "
  stat_of "$1" || return
  if ! grace_of "$pgrp"; then
    grace=$2
    if [ -z "$grace" ]; then
      value=$(tr '\\000' '\\n' < "/proc/$1/environ" | sed -n "s/^$mark=//p")
      [ -n "$value" ] || return
      grace_of "=$value"
    fi
    case " $strays " in *" $1:$start:"*) ;; *) strays="$strays $1:$start:$grace"; new="$new $1" ;; esac
  fi
  for file in /proc/"$1"/task/*/children; do
    kids=
    read -r kids < "$file"
    for kid in $kids; do todo="$todo $kid:$grace"; done
  done
}

# Sets left where something lives. What is over its grace is killed; then there may be something new.
sweep() {
  left= killed=
  for each in $watched; do
    fields "$each"
    to_group 0 "$group" || continue
    left=1
    [ "$elapsed" -ge "$grace" ] && to_group KILL "$group" && killed=1
  done
  for stray in $strays; do
    pid=\${stray%%:*} grace=\${stray##*:} began=\${stray#*:}
    stat_of "$pid" && [ "\${began%:*}" = "$start" ] || continue
    left=1
    [ "$elapsed" -ge "$grace" ] && kill -s KILL "$pid" && killed=1
  done
}

[ -n "$watched$removed" ] || exit 0
for each in $watched; do fields "$each"; [ "$grace" -gt "$longest" ] && longest=$grace; done
# Another one acts first, unless it was killed as well: nobody is to get SIGTERM twice.
if [ -n "$first" ]; then
  if [ "$mark" = - ]; then runs() { kill -s 0 "$first"; }; else runs() { kill -s 0 "$first" && stat_of "$first"; }; fi
  while [ "$elapsed" -le $((longest + ${KILL_MS})) ] && runs; do pause; done
  elapsed=0
fi
# A shell that the system refuses a process ends; its last deed needs none.
trap 'for each in $watched; do fields "$each"; to_group KILL "$group"; done' EXIT
# Before anything is ended: what has left its group and its environment is found only as a child of a living process.
look
for each in $watched; do fields "$each"; to_group TERM "$group" && to_group CONT "$group"; done
while :; do
  for pid in $new; do kill -s TERM "$pid"; kill -s CONT "$pid"; done
  new=
  sweep
  [ "$elapsed" -gt $((longest + ${KILL_MS})) ] && break
  if [ -z "$left" ] || [ -n "$killed" ]; then look; [ -n "$left$new" ] || break; fi
  [ -n "$left" ] && pause
done
trap - EXIT
for each in $removed; do rm -rf -- "$(printf %b "$each")"; done
`;
