import { readLine, type StoreView, StoreWatch } from '../../../lib/internal.ts';
import { openRunLog } from '../../../lib/jobs/index.ts';
import { deadlockedIn } from '../../report/deadlocks.ts';
import type { SourceOptions, TopReading, TopSource } from './source.ts';
import { TopJobs } from './top-jobs.ts';

export interface DiskSourceOptions extends SourceOptions {
  view: StoreView;
  /** As of `StoreWatch`. */
  maxWatches?: number;
}

/** A store on disk, whose journals the kernel watches. */
export class DiskSource implements TopSource {
  readonly place: string;
  readonly #view: StoreView;
  readonly #jobs: TopJobs;
  readonly #watch: StoreWatch;

  constructor(options: DiskSourceOptions) {
    this.place = options.view.place;
    this.#view = options.view;
    this.#watch = new StoreWatch(options);
    this.#jobs = new TopJobs(options.names);
  }

  get pollMs(): number | null {
    return this.#watch.pollMs;
  }

  look(thorough: boolean, first?: ReadonlySet<string>): TopReading {
    const seen = this.#watch.look(thorough, first);
    const lines = seen.lines.flatMap(({ line }) => line ?? []);
    const jobs = seen.state === 'there' ? this.#jobs.look(() => openRunLog(this.place)) : [];
    return { ...seen, jobs, deadlocked: deadlockedIn(lines, (name) => readLine(this.#view, name).line) };
  }

  end(): void {
    this.#watch.end();
  }
}
