#!/bin/sh
# A deploy script that runs once at a time, whoever starts it: it runs itself again under the lock `deploy`. A second deployment waits
# in line, and gives up after five minutes with exit code 75. The lock is free when the script has ended, however it ended.
#
# Run it, twice at once:
#   npm install lockstep
#   export LOCKSTEP_DIR=$PWD/store
#   ./deploy.sh & ./deploy.sh & wait
#
# It prints:
#   deploying version 1
#   version 1 is live
#   deploying version 2
#   version 2 is live
#
# Run it on several machines, with an etcd at 127.0.0.1:2379:
#   npm install lockstep
#   export LOCKSTEP_STORE=etcd://127.0.0.1:2379/shop
#   ./deploy.sh & ./deploy.sh & wait
#
# It prints:
#   deploying version 1
#   version 1 is live
#   deploying version 2
#   version 2 is live
set -eu
[ "${LOCKSTEP_NAME:-}" = deploy ] || exec npx lockstep run deploy --wait 5m --quiet -- "$0" "$@"

# Only one process at a time is here. $LOCKSTEP_TOKEN grows from one to the next: a server can refuse a smaller one than it has seen.
version=$(($(cat version 2> /dev/null || echo 0) + 1))
echo "deploying version $version"
sleep 0.2 # the work
echo "$version" > version
echo "version $version is live"
