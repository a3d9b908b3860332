import { type ChildProcess, spawn } from 'node:child_process';

/**
 * Waits for the end of its standard input. If that comes without the line `done`, our process is gone. The script then
 * ends every process that has the mark in its environment: first with SIGTERM, later with SIGKILL. (It can signal no
 * process group, because the filter keeps its terminal and its group, which may be ours; and a pid alone comes too late,
 * or may be another process's by then.)
 *
 * A process that is just being started gets its environment a moment later, so the script searches several times.
 */
const SCRIPT = `
trap '' HUP INT QUIT TERM
while read -r line; do [ "$line" = done ] && exit 0; pid=$line; done
marked() { grep -lzxFe "$1" /proc/[0-9]*/environ 2>/dev/null | tr -dc '0-9\\n'; }
if [ ! -r /proc/self/environ ]; then [ -n "$pid" ] && kill -s TERM "$pid"; exit 0; fi
rounds=0 calm=0
while [ $rounds -lt 200 ] && [ $calm -lt 3 ]; do
  rounds=$((rounds + 1)) calm=$((calm + 1)) signal=TERM
  [ $rounds -gt 100 ] && signal=KILL
  for each in $(marked "$1"); do calm=0; kill -s $signal "$each"; kill -s CONT "$each"; done
  sleep 0.05 || sleep 1
done
`;

/** Ends a filter, and all that it started, when our process cannot: after SIGKILL or a crash. */
export class FilterGuard {
  readonly #process: ChildProcess;
  readonly #mark: string;

  /** `nonce` is unique to this guard. */
  constructor(nonce: string) {
    this.#mark = nonce;
    const words = ['-c', SCRIPT, 'lockstep-filter-guard', `LOCKSTEP_FILTER=${nonce}`];
    this.#process = spawn('/bin/sh', words, { cwd: '/', detached: true, stdio: ['pipe', 'ignore', 'ignore'] });
    // Best effort: the filter runs without its guard too.
    this.#process.on('error', () => undefined);
    this.#process.stdin?.on('error', () => undefined);
  }

  /** The mark, for the filter's environment. */
  get environment(): Record<string, string> {
    return { LOCKSTEP_FILTER: this.#mark };
  }

  /** For systems without `/proc`, where the mark cannot be searched. */
  watch(pid: number): void {
    this.#process.stdin?.write(`${pid}\n`);
  }

  /** The filter is gone. */
  end(): void {
    this.#process.stdin?.end('done\n');
    this.#process.unref();
  }
}
