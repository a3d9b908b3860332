import { type ChildProcess, spawn } from 'node:child_process';
import type { Writable } from 'node:stream';

/** A guardian that somebody keeps killing is not started again. */
const MAX_STARTS = 5;
const LOOK_S = 0.05;

/**
 * Reads whom to watch over from its standard input. Its end means that our process is gone, whatever ended
 * it: then every process group still watched over gets SIGTERM, and SIGKILL after its grace.
 *
 * It is a shell because it waits beside every program that has a daemon, and a shell is 1 MB.
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
 * A process of its own that ends our daemons when we cannot: after SIGKILL, a crash, `process.exit`.
 *
 * It is one for all daemons, and there is none before the first. It is not in our process group or
 * session, so that Ctrl-C and a closed terminal end us and not it.
 */
export class Guardian {
  readonly #watched = new Map<number, WatchedGroup>();
  #process: ChildProcess | null = null;
  #starts = 0;

  /**
   * Must be there before the daemon is: what is not watched over yet must not run yet.
   *
   * @throws the system's error
   */
  start(): void {
    if (this.#process) return;
    this.#starts += 1;
    const guardian = spawn('/bin/sh', ['-c', SCRIPT, 'lockstep-guardian'], {
      cwd: '/',
      detached: true,
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    // It says why it could not be started only later, and `pid` says at once that it could not.
    guardian.on('error', () => undefined);
    if (guardian.pid === undefined) throw new Error('/bin/sh could not be started');
    this.#process = guardian;
    guardian.on('exit', () => this.#restart());
    // It may be killed at any time; its exit says so better than a broken pipe.
    guardian.stdin?.on('error', () => undefined);
    unref(guardian.stdin as Writable);
    guardian.unref();
  }

  /**
   * From now on this process group does not outlive us. The line is in the guardian's pipe when this
   * returns: a short write into a pipe that is empty is done at once, not when the event loop turns.
   */
  watch(group: number, graceMs: number): void {
    const watched = { group, graceMs };
    this.#watched.set(group, watched);
    this.#tell(watchLine(watched));
  }

  /** The group is gone, and its number may soon be another's. */
  leave(group: number): void {
    if (this.#watched.delete(group)) this.#tell(`leave ${group}\n`);
  }

  #tell(line: string): void {
    this.#process?.stdin?.write(line);
  }

  #restart(): void {
    this.#process = null;
    if (this.#watched.size === 0 || this.#starts >= MAX_STARTS) return;
    try {
      this.start();
      for (const watched of this.#watched.values()) this.#tell(watchLine(watched));
    } catch {
      // Without it our daemons still end when we end in any way that lets us do something.
    }
  }
}

function watchLine({ group, graceMs }: WatchedGroup): string {
  return `watch ${group} ${Math.ceil(graceMs)}\n`;
}

/** A pipe that is open must not keep the program alive. */
function unref(pipe: Writable & { unref?: () => void }): void {
  pipe.unref?.();
}
