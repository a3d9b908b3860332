import { type LineView, LockstepError, type Store, StoreError } from '../../../lib/index.ts';
import { later, messageOf } from '../../../lib/internal.ts';
import { fetchRunLog } from '../../../lib/jobs/index.ts';
import { deadlockedInAsync } from '../../report/deadlocks.ts';
import type { SourceOptions, TopReading, TopSource } from './source.ts';
import { TopJobs } from './top-jobs.ts';

/** How often the servers are asked. */
const EVERY_MS = 1_000;

export interface RemoteSourceOptions extends SourceOptions {
  store: Store;
}

/** A store on servers, which are asked again and again. */
export class RemoteSource implements TopSource {
  readonly place: string;
  /** Each answer is reported. */
  readonly pollMs = null;
  readonly #options: RemoteSourceOptions;
  #reading: TopReading;
  readonly #jobs: TopJobs;
  #isOver = false;
  #cancel = (): void => undefined;

  private constructor(options: RemoteSourceOptions, first: TopReading, jobs: TopJobs) {
    this.#jobs = jobs;
    this.place = options.store.place;
    this.#options = options;
    this.#reading = first;
    this.#askLater();
  }

  /** Resolves with the first answer. An error is one too: the screen shows it, and the next answer may be better. */
  static async begin(options: RemoteSourceOptions): Promise<RemoteSource> {
    const jobs = new TopJobs(options.names);
    return new RemoteSource(options, await readingOf(options, jobs), jobs);
  }

  look(): TopReading {
    return this.#reading;
  }

  end(): void {
    this.#isOver = true;
    this.#cancel();
  }

  #askLater(): void {
    this.#cancel = later(EVERY_MS, () => void this.#ask());
  }

  async #ask(): Promise<void> {
    const reading = await readingOf(this.#options, this.#jobs);
    if (this.#isOver) return;
    this.#reading = reading;
    this.#options.onChange();
    this.#askLater();
  }
}

async function readingOf({ store, names }: RemoteSourceOptions, jobs: TopJobs): Promise<TopReading> {
  try {
    const wanted = names.length > 0 ? [...names].sort() : await store.names();
    const lines = await store.snapshots(wanted);
    const readings = wanted.map((name, at) => ({ name, line: lines[at] ?? null, failure: null }));
    const there = lines.filter((line): line is LineView => line !== null);
    const deadlocked = await deadlockedInAsync(there, (others) => store.snapshots(others));
    return {
      state: 'there',
      failure: null,
      lines: readings,
      deadlocked,
      jobs: await jobs.fetch(() => fetchRunLog(store)),
    };
  } catch (error) {
    if (!(error instanceof LockstepError)) throw error;
    return { state: 'unusable', failure: failureOf(error, store.place), lines: [], deadlocked: new Set(), jobs: [] };
  }
}

function failureOf(error: LockstepError, path: string): StoreError {
  if (error instanceof StoreError) return error;
  return new StoreError(error.code as 'STORE_IO', messageOf(error), {
    operation: 'look at the store',
    path,
    cause: error,
  });
}
