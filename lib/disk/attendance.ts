import type { Host } from '../host/host.ts';
import type { Judge } from '../session/liveness.ts';
import type { Presence } from '../session/session-file.ts';
import type { OpenResources } from './open-resources.ts';
import { type SweepOptions, sweepSessions } from './session-sweep.ts';

export interface AttendanceOptions {
  host: Host;
  presence: Presence;
  judge: Judge;
  resources: OpenResources;
  sweep: Omit<SweepOptions, 'countLines' | 'lines'>;
}

/** This session's part in the store, from its first entry to the end of its process. */
export class Attendance {
  readonly #options: AttendanceOptions;

  constructor(options: AttendanceOptions) {
    this.#options = options;
  }

  /** Called before the session joins its first line: others must be able to judge it. `name`: of that line, for errors. */
  begin(name: string): void {
    const { host, presence, resources, sweep } = this.#options;
    resources.guard(name, () => {
      // It may have been removed since the resource was opened, or never made, if that was for a look only.
      resources.makeOwn(presence.directory);
      presence.announce();
    });
    host.processes.atExit(this.end);
    sweepSessions({ ...sweep, countLines: () => resources.count(), lines: () => resources.lines() });
  }

  /**
   * Ends every entry that this session answers for, for the process is about to end. An entry that was
   * adopted by a process that lives on is that one's now.
   */
  readonly end = (): void => {
    const { host, presence, judge, resources } = this.#options;
    let isLeft = false;
    for (const resource of resources.all()) {
      resource.flushAbandoned();
      for (const entry of resource.entries) {
        try {
          if (entry.adopters.some((owner) => judge.whyDead(owner, host.clock.wallMicros()) === null)) isLeft = true;
          else resource.leave(entry);
        } catch {
          // Then it is stale once we are gone, and the next waiter evicts it.
          isLeft = true;
        }
      }
      if (resource.inUse) isLeft = true;
    }
    presence.withdraw(isLeft);
  };
}
