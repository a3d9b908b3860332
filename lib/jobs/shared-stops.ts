import { encodeName } from '../store/name.ts';
import type { Records } from '../store/records.ts';
import { runFile } from './record-format.ts';
import type { RunStart } from './run.ts';
import { parseRequest, type StopRequest } from './stop-request.ts';

type Named = Pick<RunStart, 'job' | 'at' | 'key'>;

/**
 * Requests to runs to stop, where all machines see them: `ends/<encoded name of the job>/<file of the run's record>`. A run watches its
 * own key, and ends the command that it started itself. The key goes with the run, or with its record.
 */
export class SharedStops {
  readonly #records: Records;

  constructor(records: Records) {
    this.#records = records;
  }

  /** Requests a run to stop. Resolves to false if a request to it exists already. @throws {StoreError} (rejects) */
  async request(run: Named, request: StopRequest): Promise<boolean> {
    return (await this.#records.put(keyOf(run.job, runFile(run)), JSON.stringify(request), { over: 0 })) !== null;
  }

  /** Calls back when there is a request to a run, until the returned function is called. Keeps no process alive. */
  watch(run: Named, onRequest: (request: StopRequest) => void): () => void {
    return this.#records.watch(keyOf(run.job, runFile(run)), ({ text }) => onRequest(parseRequest(text)));
  }

  /** Removes the requests to the runs of a job that have these files. @throws {StoreError} (rejects) */
  remove(job: string, files: readonly string[]): Promise<void> {
    return this.#records.remove(files.map((file) => keyOf(job, file)));
  }
}

function keyOf(job: string, file: string): string {
  return `ends/${encodeName(job)}/${file}`;
}
