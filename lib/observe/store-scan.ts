import { isErrno } from '../host/errno.ts';
import type { Host } from '../host/host.ts';
import type { StoreDirectory } from '../host/own-directory.ts';
import { pinnedHost } from '../host/pinned-files.ts';
import { Epoch } from '../journal/epoch.ts';
import { JOURNAL, PRIVATE } from '../journal/epoch-files.ts';
import { Line } from '../line/line.ts';
import { NO_OBSERVER } from '../line/observer.ts';
import { Lifelines } from '../session/lifeline.ts';
import { Judge, PATIENCE_MS } from '../session/liveness.ts';
import { Session } from '../session/session.ts';
import { viewLine } from '../store/line-view.ts';
import { encodeName } from '../store/name.ts';
import type { LineView } from '../store/store.ts';

/** A file or directory in the store, by its name there. */
export interface Item {
  name: string;
  path: string;
  kind: 'file' | 'directory' | 'link' | 'other';
  size: number;
  modifiedMs: number;
}

/** A resource, as its directory tells. */
export interface SurveyedResource {
  directory: string;
  /** Null if its journal cannot be read; `problem` says why. */
  line: LineView | null;
  /** The last ticket that was given, in µs since 1970. */
  lastTicket: number;
  problem: string;
  /** The epochs that are there, the highest first. */
  epochs: number[];
  /** What else is in the directory. */
  others: Item[];
}

/** How often a journal is looked for that was rotated away while it was being opened. */
const MAX_ROUNDS = 5;

/**
 * All that is in a store, read without changing anything: a journal whose epoch is sealed is not continued, and nobody
 * is evicted.
 */
export class Survey {
  readonly #host: Host;
  readonly #store: StoreDirectory;
  readonly #session: Session;
  readonly #judge: Judge;

  constructor(machine: Host, store: StoreDirectory) {
    const host = pinnedHost(machine, store);
    this.#host = host;
    this.#store = store;
    this.#session = new Session(host);
    const directory = `${store.path}/sessions`;
    const lifelines = new Lifelines({ host, directory, store });
    this.#judge = new Judge({ host, directory, lifelines, local: store.local, patienceMs: PATIENCE_MS });
  }

  /** What is in a directory of the store; `''` is the store itself. */
  items(within: string): Item[] {
    const directory = within === '' ? this.#store.path : `${this.#store.path}/${within}`;
    return (this.#host.files.list(directory) ?? []).sort().flatMap((name) => {
      const path = `${directory}/${name}`;
      const found = this.#host.files.look(path);
      return found ? [{ name, path, kind: found.kind, size: found.size, modifiedMs: found.modifiedMs }] : [];
    });
  }

  /** The directories of resources, whose names are such, and all else that is in their place. */
  resources(): { resources: SurveyedResource[]; strangers: Item[] } {
    const items = this.items('resources');
    const isOurs = ({ name, kind }: Item) => kind === 'directory' && isEncoded(name);
    return {
      resources: items.filter(isOurs).map(({ name, path }) => this.#resource(name, path)),
      strangers: items.filter((item) => !isOurs(item)),
    };
  }

  #resource(encoded: string, directory: string): SurveyedResource {
    const items = this.items(`resources/${encoded}`);
    const epochs = epochsIn(items.map(({ name }) => name));
    const others = items.filter(({ name }) => !JOURNAL.test(name));
    const none = { directory, epochs, others, line: null, lastTicket: 0 };
    // Somebody is making it, or was killed meanwhile.
    if (epochs.length === 0) return { ...none, problem: '' };
    try {
      const line = this.#read(directory);
      if (encodeName(line.name) !== encoded) throw new Error('its journal is that of another name');
      return {
        ...none,
        line: viewLine(line, this.#judge, this.#session),
        lastTicket: line.header().last,
        problem: '',
      };
    } catch (error) {
      return { ...none, problem: (error as Error).message };
    }
  }

  #read(directory: string): Line {
    const { files } = this.#host;
    for (let round = 1; ; round++) {
      const highest = epochsIn(files.list(directory) ?? [])[0] ?? 0;
      try {
        const fd = files.openForAppend(`${directory}/journal.${highest}`);
        try {
          const epoch = new Epoch(this.#host, fd, highest, (header) => new Line(header, NO_OBSERVER));
          epoch.fold();
          return epoch.machine;
        } finally {
          files.close(fd);
        }
      } catch (error) {
        if (!isErrno(error, 'ENOENT') || round === MAX_ROUNDS) throw error;
      }
    }
  }
}

/** The epoch that a private file was to be, and the key of whose it is; null if it is no such file. */
export function parsePrivateFile(name: string): { epoch: number; key: string } | null {
  const [start, epoch] = PRIVATE.exec(name) ?? [];
  if (start === undefined) return null;
  return { epoch: Number(epoch), key: name.slice(start.length).split('.')[0] ?? '' };
}

function epochsIn(names: readonly string[]): number[] {
  return names.flatMap((name) => Number(JOURNAL.exec(name)?.[1] ?? 0) || []).sort((a, b) => b - a);
}

/** Whether a resource's directory can be called so. */
function isEncoded(directory: string): boolean {
  if (/^[A-Za-z0-9._%-]{160}~[0-9a-f]{32}$/.test(directory)) return true;
  try {
    return encodeName(decodeURIComponent(directory)) === directory;
  } catch {
    return false;
  }
}
