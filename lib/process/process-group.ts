/**
 * The process group that a child leads: the child, and all that it started and did not move to another group. The group's
 * number is the child's pid, and no other process gets that number while one of the group lives.
 *
 * Windows has no groups: there it is the child alone, and the system ends the rest with us.
 */
export class ProcessGroup {
  readonly #target: number;

  constructor(pid: number) {
    this.#target = process.platform === 'win32' ? pid : -pid;
  }

  /** Sends a signal to the group, if any process of it is left. */
  signal(signal: NodeJS.Signals): void {
    try {
      process.kill(this.#target, signal);
    } catch {
      // None is left, or all run as another user by now.
    }
  }
}
