import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { DiskStore } from '../../lib/disk/disk-store.ts';
import { openStoreDirectory } from '../../lib/disk/store-directory.ts';
import { ConfigMismatchError, StoreError } from '../../lib/errors.ts';
import { Session } from '../../lib/session/session.ts';
import type { OwnEntry } from '../../lib/store/store.ts';
import { FaultyHost } from '../faults/faulty-host.ts';

const LOCK = { kind: 'lock', permits: 1 };
/** A hang guard: nothing here takes a tenth of it. */
const MOST_MS = 10_000;

/**
 * A store, and around it what must not be touched. Sessions in it are on hosts whose descriptors are counted, and
 * whose clocks run ahead at every look, so that nobody trusts an earlier one.
 */
export class Sandbox {
  readonly root = fs.mkdtempSync(path.join(fs.existsSync('/dev/shm') ? '/dev/shm' : os.tmpdir(), 'lockstep-fuzz-'));
  readonly store = path.join(this.root, 'store');
  readonly resource = path.join(this.store, 'resources', 'x');
  readonly journal = path.join(this.resource, 'journal.1');
  readonly #hosts: FaultyHost[] = [];
  readonly #before: string;

  constructor() {
    fs.mkdirSync(path.join(this.root, 'bait'));
    fs.writeFileSync(
      path.join(this.root, 'bait', 'journal.1'),
      '["lockstep",2,{"name":"x","kind":"lock","permits":1,"last":0,"token":0,"value":0,"entries":[]}]',
    );
    fs.writeFileSync(path.join(this.root, 'bait', '.next.old'), '');
    fs.utimesSync(path.join(this.root, 'bait', '.next.old'), 1, 1);
    this.#before = this.around();
  }

  /** All around the store: names, sizes, times, contents. */
  around(): string {
    const files = fs.readdirSync(this.root, { recursive: true }) as string[];
    const shown = files.sort().flatMap((file) => {
      if (file === 'store' || file.startsWith('store/')) return [];
      const full = path.join(this.root, file);
      const { mtimeMs, ctimeMs, size, mode } = fs.lstatSync(full);
      return [`${file} ${mtimeMs} ${ctimeMs} ${size} ${mode}`];
    });
    return shown.join('\n');
  }

  get isUntouchedOutside(): boolean {
    return this.around() === this.#before;
  }

  open(): Party {
    const host = new FaultyHost();
    this.#hosts.push(host);
    let now = 0;
    const ahead = {
      files: host.files,
      processes: host.processes,
      clock: { ...host.clock, monotonicMs: () => (now += 1_000), sleep: () => undefined },
    };
    const directory = openStoreDirectory(ahead, this.store);
    return new Party(new DiskStore({ host: ahead, session: new Session(ahead), directory, heartbeatMs: 0 }));
  }

  write(bytes: Uint8Array | string): void {
    fs.mkdirSync(this.resource, { recursive: true, mode: 0o700 });
    for (const file of fs.readdirSync(this.resource)) fs.rmSync(path.join(this.resource, file));
    fs.writeFileSync(this.journal, bytes);
  }

  /** The journals of sound sessions that have done everything that leaves a record. */
  soundJournal(): Buffer {
    const [one, other] = [this.open(), this.open()];
    const first = one.enter('first');
    const second = other.enter('second');
    one.disk.keep(first, { held: [{ name: 'y', ticket: 1 }], waits: 1 });
    one.disk.adopt(first, process.pid, { handOver: false });
    one.disk.leave(first);
    one.enter('third');
    other.disk.leave(second);
    one.disk.evict('x', one.disk.held()[0]?.ticket ?? 0, { reason: 'over', by: 'test' });
    other.enter('fourth');
    one.enter('fifth');
    return fs.readFileSync(this.journal);
  }

  /** Forgets its sessions. */
  close(): void {
    for (const host of this.#hosts.splice(0)) host.end();
    const sessions = path.join(this.store, 'sessions');
    if (fs.existsSync(sessions)) fs.rmSync(sessions, { recursive: true });
  }

  end(): void {
    this.close();
    fs.rmSync(this.root, { recursive: true, force: true });
  }
}

/** A session; what it does ends soon, and ends as the documentation says. */
export class Party {
  readonly disk: DiskStore;
  /** The code of the last refusal. */
  code = '';

  constructor(disk: DiskStore) {
    this.disk = disk;
  }

  enter(label: string): OwnEntry {
    return this.disk.join('x', LOCK, { ask: 1, label, onlyIfGranted: false });
  }

  try(label: string): OwnEntry | null {
    return this.attempt(() => this.disk.join('x', LOCK, { ask: 1, label, onlyIfGranted: true }));
  }

  attempt<T>(call: () => T): T | null {
    const began = performance.now();
    const result = this.#outcome(call);
    if (performance.now() - began > MOST_MS) throw new Error('it took too long');
    return result;
  }

  #outcome<T>(call: () => T): T | null {
    this.code = '';
    try {
      return call();
    } catch (error) {
      if (!(error instanceof StoreError || error instanceof ConfigMismatchError)) throw error;
      this.code = error.code;
      return null;
    }
  }

  /** The line as everybody must see it, or why it cannot be seen. */
  seen(): unknown {
    const line = this.attempt(() => this.disk.snapshot('x'));
    if (!line) return this.code;
    return [
      line.kind,
      line.permits,
      line.value,
      line.entries.map(({ ticket, token, state, label }) => [ticket, token, state, label]),
    ];
  }
}
