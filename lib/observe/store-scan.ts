import { isErrno } from '../host/errno.ts';
import type { Host } from '../host/host.ts';
import type { StoreDirectory } from '../host/own-directory.ts';
import { pinnedHost } from '../host/pinned-files.ts';
import { Epoch } from '../journal/epoch.ts';
import { epochsIn, JOURNAL, PRIVATE } from '../journal/epoch-files.ts';
import { Line } from '../line/line.ts';
import { NO_OBSERVER } from '../line/observer.ts';
import { Judge } from '../session/liveness.ts';
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

/** The result of one look at a resource's directory. */
export interface ResourceReading {
  directory: string;
  /** Null if there is no journal, or `failure` says why it cannot be read. */
  line: LineView | null;
  /** The last ticket that the line gave, in µs since 1970. */
  lastTicket: number;
  failure: Error | null;
  /** The epochs in the directory, the highest first. */
  epochs: number[];
  /** All else in the directory. */
  others: Item[];
}

/** How often to look for the newest journal, if it is rotated while it is being opened. */
const MAX_ROUNDS = 5;

/** Reads all that is in a store, and changes nothing: it continues no sealed epoch, and evicts no entry. */
export class StoreScan {
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
    this.#judge = new Judge({ host, directory, local: store.local });
  }

  /** Lists a directory of the store; `''` is the store itself. */
  items(within: string): Item[] {
    const directory = within === '' ? this.#store.path : `${this.#store.path}/${within}`;
    return (this.#host.files.list(directory) ?? []).sort().flatMap((name) => {
      const path = `${directory}/${name}`;
      const found = this.#host.files.look(path);
      return found ? [{ name, path, kind: found.kind, size: found.size, modifiedMs: found.modifiedMs }] : [];
    });
  }

  /** Reads the directories whose names are encoded names of resources; `strangers` are all else in their place. */
  resources(): { resources: ResourceReading[]; strangers: Item[] } {
    const items = this.items('resources');
    const isOurs = ({ name, kind }: Item) => kind === 'directory' && isEncoded(name);
    return {
      resources: items.filter(isOurs).map(({ name, path }) => this.#resource(name, path)),
      strangers: items.filter((item) => !isOurs(item)),
    };
  }

  #resource(encoded: string, directory: string): ResourceReading {
    const items = this.items(`resources/${encoded}`);
    const epochs = epochsIn(items.map(({ name }) => name)).reverse();
    const others = items.filter(({ name }) => !JOURNAL.test(name));
    const none = { directory, epochs, others, line: null, lastTicket: 0, failure: null };
    // Its maker is about to write the first epoch, or was killed before.
    if (epochs.length === 0) return none;
    try {
      const line = this.#read(directory);
      if (encodeName(line.name) !== encoded) throw new Error('its journal is that of another name');
      return { ...none, line: viewLine(line, this.#judge, this.#session), lastTicket: line.header().last };
    } catch (error) {
      return { ...none, failure: error as Error };
    }
  }

  #read(directory: string): Line {
    const { files } = this.#host;
    for (let round = 1; ; round++) {
      const highest = epochsIn(files.list(directory) ?? []).at(-1) ?? 0;
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

/** The epoch that a private file was to become, and its writer's key; null if the name is no private file's. */
export function parsePrivateFile(name: string): { epoch: number; key: string } | null {
  const [start, epoch] = PRIVATE.exec(name) ?? [];
  if (start === undefined) return null;
  return { epoch: Number(epoch), key: name.slice(start.length).split('.')[0] ?? '' };
}

/** Whether a directory's name is the encoded name of a resource. */
function isEncoded(directory: string): boolean {
  if (/^[A-Za-z0-9._%-]{160}~[0-9a-f]{32}$/.test(directory)) return true;
  try {
    return encodeName(decodeURIComponent(directory)) === directory;
  } catch {
    return false;
  }
}
