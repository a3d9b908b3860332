import {
  jobDirectory,
  nodeHost,
  outputFile,
  pinnedHost,
  type Sink,
  Spool,
  type StoreDirectory,
  storeErrorOf,
} from '../../../lib/internal.ts';
import type { RunStart } from '../../../lib/jobs/index.ts';

/** How late a line of output reaches a reader, and how late an output is found too long, in ms. */
const LATEST_MS = 200;
const LATEST_UNREAD_MS = 1_000;

/** The output of a run's command: a spool beside the record, copied into the sinks. Empty before the first attempt. */
export class JobOutput {
  readonly #sinks: readonly Sink[];
  #spool: Spool | null = null;

  constructor(sinks: readonly Sink[]) {
    this.#sinks = sinks;
  }

  /** Creates the spool, and returns the descriptor that the command prints to. @throws {StoreError} */
  open(directory: StoreDirectory, start: RunStart): number {
    const path = `${jobDirectory(directory.path, start.job)}/${outputFile(start)}`;
    const latestMs = this.#sinks.length > 0 ? LATEST_MS : LATEST_UNREAD_MS;
    try {
      const { files } = pinnedHost(nodeHost, directory);
      this.#spool = new Spool(path, { files, mode: directory.fileMode, sinks: this.#sinks, latestMs });
    } catch (error) {
      throw storeErrorOf(error, { operation: 'make the output of a run', resource: start.job, path });
    }
    this.#spool.follow();
    return this.#spool.childFd;
  }

  /** The last lines, as the record has them. */
  get tail(): string {
    return this.#spool?.tail() ?? '';
  }

  /** Takes the last look at the spool, and returns the tail. */
  end(): string {
    this.#spool?.end();
    return this.tail;
  }

  /** Prints all that is kept on stdout. Resolves when it is written, or nobody reads it. */
  async print(): Promise<void> {
    process.stdout.on('error', () => undefined);
    for (const piece of this.#spool?.contents() ?? []) {
      const failure = await new Promise((resolve) => process.stdout.write(Buffer.from(piece), resolve));
      if (failure) return;
    }
  }

  remove(): void {
    this.#spool?.remove();
  }
}
