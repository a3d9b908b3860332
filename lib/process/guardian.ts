import { type ChildProcess, spawn } from 'node:child_process';
import type { Writable } from 'node:stream';

/** A guardian that is killed so often is not started again. */
const MAX_STARTS = 5;
const LOOK_S = 0.05;

/**
 * Reads the process groups to watch from standard input. The end of input means that our process is gone, for whatever
 * reason: then the guardian sends SIGTERM to every group it still watches, and SIGKILL after the group's grace.
 *
 * The guardian is a shell script because one waits beside every program that has a daemon, and a shell takes 1 MB.
 */
const SCRIPT = `
trap '' HUP INT QUIT TERM
watched=
while read -r verb group grace; do
  case $verb in
    watch) watched="$watched $group:$grace" ;;
    leave)
      rest=
      for each in $watched; do case $each in "$group":*) ;; *) rest="$rest $each" ;; esac; done
      watched=$rest ;;
  esac
done
for each in $watched; do (
  group=\${each%:*} left=\${each#*:}
  kill -s TERM -- "-$group" && kill -s CONT -- "-$group" || exit 0
  while [ "$left" -gt 0 ] && kill -s 0 -- "-$group"; do
    sleep ${LOOK_S} || sleep 1
    left=$((left - ${LOOK_S * 1000}))
  done
  kill -s KILL -- "-$group"
) & done
wait
`;

interface WatchedGroup {
  readonly group: number;
  readonly graceMs: number;
}

/**
 * A separate process that ends our daemons when we cannot: after SIGKILL, a crash, `process.exit`.
 *
 * One guardian serves all daemons, and starts with the first. It is in a process group and session of its own, so that
 * Ctrl-C and a closed terminal end us and not the guardian.
 */
export class Guardian {
  readonly #watched = new Map<number, WatchedGroup>();
  #process: ChildProcess | null = null;
  #starts = 0;

  /**
   * Starts the guardian, unless it runs. It must run before a daemon does: an unwatched daemon would outlive us.
   *
   * @throws an error if the guardian cannot be started
   */
  start(): void {
    if (this.#process) return;
    this.#starts += 1;
    const guardian = spawn('/bin/sh', ['-c', SCRIPT, 'lockstep-guardian'], {
      cwd: '/',
      detached: true,
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    // The reason of a failure to start comes as a later event; that it failed is known now.
    guardian.on('error', () => undefined);
    if (guardian.pid === undefined) throw new Error('/bin/sh could not be started');
    this.#process = guardian;
    guardian.on('exit', () => this.#restart());
    // The guardian may be killed at any time: its exit reports that, not a broken pipe.
    guardian.stdin?.on('error', () => undefined);
    unref(guardian.stdin as Writable);
    guardian.unref();
  }

  /**
   * Adds a process group, which from now on does not outlive us. The line is in the guardian's pipe when this returns: a
   * short write into an empty pipe is done at once, not in a later turn of the event loop.
   */
  watch(group: number, graceMs: number): void {
    const watched = { group, graceMs };
    this.#watched.set(group, watched);
    this.#send(watchLine(watched));
  }

  /** Removes a group that is gone: its number may soon be another group's. */
  leave(group: number): void {
    if (this.#watched.delete(group)) this.#send(`leave ${group}\n`);
  }

  #send(line: string): void {
    this.#process?.stdin?.write(line);
  }

  #restart(): void {
    this.#process = null;
    if (this.#watched.size === 0 || this.#starts >= MAX_STARTS) return;
    try {
      this.start();
      for (const watched of this.#watched.values()) this.#send(watchLine(watched));
    } catch {
      // Best effort: without a guardian our daemons still end whenever our own code can end them.
    }
  }
}

function watchLine({ group, graceMs }: WatchedGroup): string {
  return `watch ${group} ${Math.ceil(graceMs)}\n`;
}

/** An open pipe must not keep the program alive. */
function unref(pipe: Writable & { unref?: () => void }): void {
  pipe.unref?.();
}
