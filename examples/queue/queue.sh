#!/bin/sh
# A queue in a shell script: two workers share the work, and an item whose command fails is tried again, at last by another name. What
# is queued outlives all processes, and a restart of the machine.
#
# Run it:
#   npm install lockstep
#   export LOCKSTEP_DIR=$PWD/store
#   ./queue.sh
#
# It prints:
#   resized a.png
#   resized b.png
#   resized c.png
#   failed: broken.png
set -eu
PATH=$PWD/node_modules/.bin:$PATH # as in the scripts of package.json

lockstep queue images put a.png b.png broken.png
echo c.png | lockstep queue images put

# Each worker ends when nothing is left to do (-n). Without -n it waits for more.
work='case $1 in broken*) exit 1 ;; esac; echo "resized $1" >> resized.txt'
for _ in 1 2; do
  lockstep queue images run -n --attempts 2 -- sh -c "$work" sh 2> /dev/null &
done
wait

sort resized.txt
echo "failed: $(lockstep queue images.failed get -n)"
