import { workerData } from 'node:worker_threads';
import type { Host } from '../../../lib/host/host.ts';
import { answer, type Call, type Outcome } from '../sim-call.ts';
import { simHost } from '../sim-host.ts';
import { Chance } from './chance.ts';
import { Errands, type Witness } from './errands.ts';
import { type Life, PROCESS_TURN, type Reply, type RunCall, type Told, Wire } from './wire.ts';

// A simulated process: the library runs in a thread of its own, which stands still in the middle of each call
// until the run lets it go on.

const wire = new Wire(workerData as SharedArrayBuffer, PROCESS_TURN);
/** No Error: nobody must take it for one. */
const KILLED = Symbol('killed');

/** How far the monotonic clock goes from one look at it to the next. */
const TICK_MS = 0.01;

class Lived implements Witness {
  readonly host: Host;
  readonly #life: Life;
  #told: Told[] = [];
  #closed: number[] = [];
  #isKilled = false;
  #atExit: Array<(code: number | null) => void> = [];
  /** Says what the process knows of its own entry, whenever it has just looked. */
  looking: () => void = () => undefined;

  constructor(life: Life) {
    this.#life = life;
    this.host = this.#hostOf(life);
  }

  live(): void {
    let failure: string | null = null;
    try {
      new Errands(this, this.#life).run();
      for (const giveBack of this.#atExit) giveBack(0);
    } catch (error) {
      if (!this.#isKilled) failure = error instanceof Error ? (error.stack ?? error.message) : String(error);
    }
    wire.say({ told: this.#told, closed: [], ended: true, failure });
  }

  tell(told: Told): void {
    this.#alive();
    this.#told.push(told);
  }

  work(): void {
    this.#dispatch({ op: 'work' });
  }

  fork(): number {
    return this.#dispatch({ op: 'fork' }) as number;
  }

  /** Once killed, killed for good: the library may swallow the first exception, or close up in a `finally`. */
  #alive(): void {
    if (this.#isKilled) throw KILLED;
  }

  #dispatch(call: RunCall): unknown {
    this.#alive();
    wire.say({ told: this.#told, closed: this.#closed, call });
    this.#told = [];
    this.#closed = [];
    const reply = wire.hear(Number.POSITIVE_INFINITY) as Reply;
    if (reply.do === 'goOn') return answer(call as Call, { key: '', ...reply } as Outcome);
    this.#isKilled = true;
    throw KILLED;
  }

  #hostOf({ key, pid, start, namespace, wallMicros, seed }: Life): Host {
    const chance = new Chance(seed);
    const host = simHost({ key, pid, namespace, wallMicros, tickMs: 0 }, (call) => this.#dispatch(call), {
      local: () => this.#alive(),
      close: (fd) => {
        this.#alive();
        this.#closed.push(fd);
      },
    });
    let nonces = 0;
    let monotonicMs = 0;
    return {
      files: { ...host.files, touch: (path) => this.#dispatch({ op: 'touch', path }) as boolean },
      processes: {
        ...host.processes,
        self: () => ({ ...host.processes.self(), start }),
        nonce: () => (nonces++ === 0 ? key : `${key}x${nonces}`),
        atExit: (giveBack) => {
          if (!this.#atExit.includes(giveBack)) this.#atExit.push(giveBack);
        },
      },
      clock: {
        ...host.clock,
        // It goes on, now and then backward.
        wallMicros: () => wallMicros + Math.floor(monotonicMs * 10) - (chance.happens(0.05) ? 50 : 0),
        monotonicMs: () => {
          monotonicMs += TICK_MS;
          return monotonicMs;
        },
        sleep: (ms) => {
          this.looking();
          this.#dispatch({ op: 'sleep' });
          // A busy machine wakes nobody in time.
          monotonicMs += ms + chance.next() * 20;
        },
      },
    };
  }
}

for (;;) {
  const reply = wire.hear(Number.POSITIVE_INFINITY) as Reply;
  if (reply.do === 'start') new Lived(reply.life).live();
}
