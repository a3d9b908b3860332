#!/bin/sh
# The script of the crontab line beside this file. `lockstep job` keeps its output, and prints it only if it fails.
#
# Run it as a job that fails:
#   npm install lockstep
#   export LOCKSTEP_DIR=$PWD/store
#   BUCKET=missing npx lockstep job backup -- ./backup.sh || echo "exit code $?"
#
# It prints:
#   3 files found
#   no such bucket: missing
#   lockstep: backup: failed with exit code 4 after 26ms
#   exit code 4
#
# Run it as a job that succeeds:
#   npm install lockstep
#   export LOCKSTEP_DIR=$PWD/store
#   npx lockstep job backup -- ./backup.sh && echo "exit code $?"
#
# It prints:
#   exit code 0
set -eu
echo '3 files found'
case ${BUCKET:-backups} in
  backups) echo '3 files copied' ;;
  *)
    echo "no such bucket: $BUCKET" >&2
    exit 4
    ;;
esac
