import { MisuseError } from '../errors.ts';
import { canStart, checkLoaded } from './bootstrap.ts';
import { isDaemon } from './children.ts';
import type { ProcessExit } from './held-process.ts';
import { launch } from './launch.ts';
import { type MapMessage, unpackMessage } from './map-message.ts';
import type { MapService } from './map-service.ts';
import { type Outcome, unpackOutcome } from './outcome.ts';
import { StartedChild } from './started-child.ts';
import type { ModuleTarget } from './target.ts';

/** The time between SIGTERM and SIGKILL, as of a `Process`. */
const GRACE_MS = 500;

canStart();

/** @throws {MisuseError} where no process may be started: in a daemon; in a child that loads its module */
export function checkMayMap(): void {
  if (isDaemon()) throw new MisuseError('map: a daemon must not start children: call map in main');
  checkLoaded('map');
}

/** How a worker has ended, and what it was doing. */
export interface WorkerEnd {
  readonly exit: ProcessExit;
  /** The item that it had taken, and had not reported on. */
  readonly current: { readonly at: number; readonly attempt: number } | null;
  /** Why it could not go on, if it has said so: its module could not be loaded. */
  readonly outcome: Outcome | null;
}

/** One process of `map`, which stays for as many items as there are. It is a daemon. */
export class MapWorker {
  readonly #child: StartedChild;
  #current: WorkerEnd['current'] = null;
  #outcome: Outcome | null = null;
  #drained: Promise<void> = Promise.resolve();

  private constructor(child: StartedChild) {
    this.#child = child;
  }

  /** @throws {LockstepError} `START_FAILED` */
  static start(
    target: Pick<ModuleTarget, 'module' | 'export'>,
    service: MapService,
    onMessage: (message: MapMessage) => void,
  ): MapWorker {
    const traits = { name: 'a process of map', daemon: true, graceMs: GRACE_MS };
    const held = launch({ ...traits, target: { ...target, args: service }, handedOn: {}, serves: true });
    const worker = new MapWorker(new StartedChild(held, traits));
    worker.#listen(onMessage);
    held.go();
    // Main's code has not ended while its items are worked on.
    held.ref();
    return worker;
  }

  /** Resolves when it has ended, and all that it has sent was reported. */
  async ended(): Promise<WorkerEnd> {
    await this.#drained;
    return { exit: await this.#child.held.exit(), current: this.#current, outcome: this.#outcome };
  }

  /** SIGTERM, and SIGKILL after a moment, to all that it started. Resolves when all of that is gone. */
  end(): Promise<void> {
    return this.#child.end();
  }

  #listen(onMessage: (message: MapMessage) => void): void {
    this.#drained = this.#child.held.messages((bytes) => {
      const message = unpackMessage(bytes);
      if (message === null) {
        this.#outcome = outcomeIn(bytes);
        return;
      }
      this.#current = message.it === 'took' ? message : null;
      onMessage(message);
    });
  }
}

function outcomeIn(bytes: Buffer): Outcome {
  try {
    return unpackOutcome(bytes);
  } catch (threw) {
    return { threw };
  }
}
