import type { Host } from '../../host/host.ts';
import { ownFile } from '../../host/own-file.ts';
import type { Credentials } from '../client/credentials.ts';
import type { EtcdEntry } from './etcd-entry.ts';
import { KEEPER_CODE } from './keeper-code.ts';
import { BEGUN, type EndOrder, NOTHING } from './keeper-order.ts';
import type { SessionLease } from './session-lease.ts';

/** A process that ends waits so long for the servers, from when they are asked; then others wait for the end of its lease. */
const END_MS = 1_000;

export interface SessionEndOptions {
  readonly host: Pick<Host, 'processes'>;
  readonly place: string;
  readonly credentials: Credentials | null;
  readonly lease: SessionLease;
  /** The entries that the session has in line. */
  readonly entries: () => readonly EtcdEntry[];
  readonly keeperFile?: string | undefined;
}

/**
 * Ends what a session has in line before its process ends: by a signal for which the program has no handler, `process.exit`, or an
 * error that nobody catches. Others need not wait for the end of its lease then.
 *
 * This thread blocks until the servers have answered, and a thread of its own asks them: a holder's code must not run on beside its
 * successor.
 */
export class SessionEnd {
  readonly #options: SessionEndOptions;
  /** How many entries are in line, or about to be. */
  #count = 0;

  constructor(options: SessionEndOptions) {
    this.#options = options;
  }

  /** Puts an entry into a line. From then on, and until it is out of it, the end of the process is prepared for. */
  async during(join: () => Promise<EtcdEntry>): Promise<EtcdEntry> {
    const { processes } = this.#options.host;
    processes.atExit(this.#release);
    const restore = processes.atSignals(true);
    this.#count += 1;
    let isOver = false;
    const over = () => {
      if (isOver) return;
      isOver = true;
      this.#count -= 1;
      restore();
    };
    try {
      const entry = await join();
      if (entry.isInLine) entry.listen(() => entry.isInLine || over());
      else over();
      return entry;
    } catch (error) {
      over();
      throw error;
    }
  }

  readonly #release = (): void => {
    const { entries, lease } = this.#options;
    const id = lease.current?.id;
    if (this.#count === 0 || id === undefined) return;
    const inLine = entries().filter(({ isInLine }) => isInLine);
    const isMore = inLine.some(({ isShared }) => isShared);
    // A process that has adopted one lives on with it.
    const keys = isMore ? inLine.flatMap((own) => (own.isShared ? [] : keyOf(own))) : [];
    lease.stop();
    this.#ask({ lease: isMore ? null : String(id), keys });
  };

  #ask(what: Pick<EndOrder, 'lease' | 'keys'>): void {
    const { place, credentials, keeperFile = ownFile(import.meta.url, 'keeper-main.js') } = this.#options;
    const program = keeperFile ?? KEEPER_CODE;
    if (program === null) return;
    const answered = new Int32Array(new SharedArrayBuffer(4));
    const user = credentials && { name: credentials.user, password: credentials.password() };
    const workerData: EndOrder = { ...what, place, user, timeoutMs: END_MS, answered };
    const { Worker } = process.getBuiltinModule('node:worker_threads');
    // Where no thread may be started it throws, and the lease ends by itself.
    new Worker(program, { workerData, eval: keeperFile === null, execArgv: [], stdin: false }).unref();
    // A busy machine may take long to start it.
    if (Atomics.wait(answered, 0, NOTHING, END_MS) !== 'timed-out') Atomics.wait(answered, 0, BEGUN, END_MS);
  }
}

function keyOf({ joined, modRevision }: EtcdEntry): Array<EndOrder['keys'][number]> {
  return joined === null ? [] : [{ key: joined.entry.key, modRevision }];
}
