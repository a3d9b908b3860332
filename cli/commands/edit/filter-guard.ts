import { type ChildProcess, spawn } from 'node:child_process';

/**
 * Waits for the end of its standard input. If that comes without the line `done`, our process is gone: then it ends every
 * process that has the mark in its environment, politely first. (The filter keeps its terminal and its process group,
 * which may be ours, so no group can be signalled; and by its pid alone it would be found too late, or somebody else.)
 *
 * One that is being started just now has its environment only in a moment: so it is looked for more than once.
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

/** Ends a filter, and what it started, when we cannot: after SIGKILL or a crash of our process. */
export class FilterGuard {
  readonly #process: ChildProcess;
  readonly #mark: string;

  /** `nonce`: what no other guard has. */
  constructor(nonce: string) {
    this.#mark = nonce;
    const words = ['-c', SCRIPT, 'lockstep-filter-guard', `LOCKSTEP_FILTER=${nonce}`];
    this.#process = spawn('/bin/sh', words, { cwd: '/', detached: true, stdio: ['pipe', 'ignore', 'ignore'] });
    // Without it the filter runs all the same. It may be killed at any time, too.
    this.#process.on('error', () => undefined);
    this.#process.stdin?.on('error', () => undefined);
  }

  /** What the filter must have in its environment. */
  get environment(): Record<string, string> {
    return { LOCKSTEP_FILTER: this.#mark };
  }

  /** For systems without `/proc`, where the mark cannot be looked for. */
  watch(pid: number): void {
    this.#process.stdin?.write(`${pid}\n`);
  }

  /** The filter is gone. */
  end(): void {
    this.#process.stdin?.end('done\n');
    this.#process.unref();
  }
}
