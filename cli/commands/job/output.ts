import {
  CommandOutput,
  jobDirectory,
  nodeHost,
  outputFile,
  pinnedHost,
  Spool,
  type StoreDirectory,
  storeErrorOf,
} from '../../../lib/internal.ts';
import type { RunStart } from '../../../lib/jobs/index.ts';
import type { Sink } from './sink.ts';

/** The output of a run's command, of all attempts: kept in a spool, copied into the sinks. Empty before the first attempt. */
export class JobOutput {
  readonly #sinks: readonly Sink[];
  #spool: Spool | null = null;
  #current: CommandOutput | null = null;

  constructor(sinks: readonly Sink[]) {
    this.#sinks = sinks;
    for (const sink of sinks) sink.onDrain(() => this.#isFull || this.#current?.resume());
  }

  /** Creates the spool. @throws {StoreError} */
  open(directory: StoreDirectory, start: RunStart): void {
    const path = `${jobDirectory(directory.path, start.job)}/${outputFile(start)}`;
    try {
      const { files } = pinnedHost(nodeHost, directory);
      this.#spool = new Spool(path, { files, mode: directory.fileMode });
    } catch (error) {
      throw storeErrorOf(error, { operation: 'make the output of a run', resource: start.job, path });
    }
  }

  /** The output of the next attempt. The one before has ended. */
  ofAttempt(): CommandOutput {
    this.#current?.close();
    this.#current = new CommandOutput((bytes) => this.#take(bytes));
    return this.#current;
  }

  /** The last lines, as the record has them. */
  get tail(): string {
    return this.#spool?.tail() ?? '';
  }

  /** Takes what is left, and returns the tail. Nothing that is printed later counts. */
  end(): string {
    this.#current?.close();
    return this.tail;
  }

  /** Prints all that is kept on stdout. Resolves when it is written, or nobody reads it. */
  async print(): Promise<void> {
    process.stdout.on('error', () => undefined);
    const kept = this.#spool?.contents;
    if (kept?.length) await new Promise((resolve) => process.stdout.write(kept, resolve));
  }

  /** Resolves when the sinks have all of it. */
  async flush(): Promise<void> {
    await Promise.all(this.#sinks.map((sink) => sink.end()));
  }

  remove(): void {
    this.#current?.close();
    this.#spool?.remove();
  }

  get #isFull(): boolean {
    return this.#sinks.some(({ isFull }) => isFull);
  }

  #take(bytes: Uint8Array): boolean {
    this.#spool?.append(bytes);
    for (const sink of this.#sinks) sink.write(bytes);
    return !this.#isFull;
  }
}
