import { spawn } from 'node:child_process';
import { nodeHost } from '../../../lib/internal.ts';

/** The number by which the kernel names its first pid namespace. */
const FIRST_NAMESPACE = 0xeffffffc;
/** Runs until the process with pid $1 has ended: until its start time is another one, or where there is none, until it is gone. */
const KEEP = `
start() { read -r line < "/proc/$1/stat" || return; set -- \${line##*) }; echo "\${20}"; }
began=$(start "$1" 2>/dev/null)
while if [ -n "$began" ]; then [ "$(start "$1" 2>/dev/null)" = "$began" ]; else kill -0 "$1" 2>/dev/null; fi; do sleep 1; done`;

/**
 * Whether a process that does not know of its lifeline needs one: if it is in a container, all of which may end at once, while
 * others judge it from outside. Without one they take it for alive. In the first namespace it is judged by its pid.
 */
export function needsKeeper(): boolean {
  return nodeHost.processes.self().namespace !== FIRST_NAMESPACE;
}

/**
 * Has a small process hold a lifeline for as long as another process lives, which does not know of it. Other pid
 * namespaces cannot ask for that process by its pid; in a container both end together.
 */
export function keepAlive(pid: number, lifeline: number): void {
  const keeper = spawn('/bin/sh', ['-c', KEEP, 'lockstep-keeper', String(pid)], {
    cwd: '/',
    detached: true,
    stdio: ['ignore', 'ignore', 'ignore', lifeline],
  });
  // Without one the entry stays held until it is broken: it is not lost.
  keeper.on('error', () => undefined);
  keeper.unref();
}
