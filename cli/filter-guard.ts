import { type ChildProcess, spawn } from 'node:child_process';

/**
 * Reads a pid from its standard input, and then waits for one more line. If that never comes, our process is gone: then
 * it ends the process with that pid and all its descendants, if that pid still is the same process.
 */
const SCRIPT = `
trap '' HUP INT QUIT TERM
begun() { read -r stat 2>/dev/null < "/proc/$1/stat" || return; set -- \${stat##*) }; echo "\${20}"; }
end() {
  for child in $(cat "/proc/$1/task/"*/children 2>/dev/null); do end "$child"; done
  kill -s TERM "$1" && kill -s CONT "$1"
}
read -r pid start || exit 0
read -r done && exit 0
[ "$(begun "$pid")" = "$start" ] && end "$pid"
`;

/**
 * Ends a filter when we cannot: after SIGKILL or a crash of our process. (The filter keeps its terminal and its process
 * group, which may be ours; so it is ended by its pid.)
 */
export class FilterGuard {
  readonly #process: ChildProcess;

  constructor() {
    this.#process = spawn('/bin/sh', ['-c', SCRIPT, 'lockstep-filter-guard'], {
      cwd: '/',
      detached: true,
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    // Without it the filter runs all the same. It may be killed at any time, too.
    this.#process.on('error', () => undefined);
    this.#process.stdin?.on('error', () => undefined);
  }

  /** From now on this process does not outlive us. `start`: when it began, as `/proc` says; empty where unknown. */
  watch(pid: number, start: string): void {
    this.#process.stdin?.write(`${pid} ${start}\n`);
  }

  /** The filter is gone. */
  end(): void {
    this.#process.stdin?.end('done\n');
    this.#process.unref();
  }
}
