import { type Config, isResizable, isSameConfig } from '../../line/config.ts';
import type { Request } from '../../store/store.ts';
import { MAX_ENDED } from './ending.ts';
import {
  arriving,
  entering,
  enteringBlindly,
  founding,
  initialJson,
  type Newcomer,
  stealing,
  taking,
  trying,
} from './entrance.ts';
import type { EtcdEntry } from './etcd-entry.ts';
import type { EtcdLine, LineEntry } from './etcd-line.ts';
import type { EtcdResource } from './etcd-resource.ts';
import { forgetName } from './forgetting.ts';
import { Joining } from './joining.ts';
import type { Changed } from './line-ledger.ts';
import { RequestSender } from './request-sender.ts';
import { foreignHolder } from './store-failure.ts';

/** How often a `try` is repeated after it evicted all the dead in its way: meanwhile more may have died. */
const MAX_TRIES = 3;

/** How the entries of one request come into a name's line. */
export class Admission {
  readonly #resource: EtcdResource;
  readonly #config: Config;
  readonly #request: Request;
  readonly #sender: RequestSender;
  readonly #joining: Joining;

  constructor(resource: EtcdResource, config: Config, request: Request) {
    this.#resource = resource;
    this.#config = config;
    this.#request = request;
    this.#sender = new RequestSender(resource);
    this.#joining = new Joining(resource, config, request);
  }

  /** @throws {EtcdError} with `UNSURE` if it may be in line; then it is taken out as soon as a server answers */
  async join(): Promise<EtcdEntry> {
    const { kind } = this.#config;
    if (kind === 'counter') return this.#joining.by(async (_, line) => this.#refusedBy(line));
    if (this.#request.onlyIfGranted) return this.#try();
    if (kind === 'queue') return this.#get();
    if (this.#request.steal) return this.#joining.by((newcomer, line) => this.#steal(newcomer, line), null);
    if (kind === 'barrier') return this.#arrive();
    const entry = await this.#joining.by((newcomer, line) => this.#enter(newcomer, line));
    if (entry.state === 'waiting') await this.#expelInWay();
    return entry;
  }

  async #enter(newcomer: Newcomer, known: EtcdLine | null): Promise<Changed | EtcdLine> {
    const line = known?.state ? await this.#checked(known) : known;
    if (!line?.state) return this.#beginWith(newcomer, false);
    // As nearly always where nobody else wants it: then nothing need be read.
    return line.wouldAdmit(this.#request.ask) && line.isQuiet
      ? this.#sender.sendQuickly(newcomer, line)
      : this.#sender.send(newcomer, entering(newcomer, line));
  }

  /** Joins a line of which nothing is known: in one transaction, unless it was given a value, or stolen. */
  async #beginWith(newcomer: Newcomer, isTry: boolean): Promise<Changed> {
    const { name, keys } = this.#resource;
    const initial = initialJson(name, keys, this.#config);
    return this.#sender.send(newcomer, enteringBlindly(newcomer, initial, isTry), founding(newcomer, initial, isTry));
  }

  async #try(): Promise<EtcdEntry> {
    for (let tries = 0; ; tries++) {
      const attempt = this.#config.kind === 'queue' ? this.#tryToGet : this.#tryOnce;
      const entry = await this.#joining.by((newcomer, line) => attempt.call(this, newcomer, line));
      if (entry.state !== 'refused' || tries === MAX_TRIES || !(await this.#expelInWay())) return entry;
    }
  }

  async #tryOnce(newcomer: Newcomer, known: EtcdLine | null): Promise<Changed | 'refused' | EtcdLine> {
    const { ledger } = this.#resource;
    if (known === null && this.#isOpenAtFirst) return this.#beginWith(newcomer, true);
    let line = await this.#checked(known ?? (await ledger.read()));
    if ((!this.#isOpen(line) || !line.isQuiet) && known !== null && known === ledger.line)
      line = await this.#checked(await this.#resource.settled());
    if (line.state === null && !this.#isOpenAtFirst) return this.#refusedBy(line);
    if (!this.#isOpen(line)) return 'refused';
    if (line.state === null) return this.#beginWith(newcomer, true);
    return this.#sender.sendQuickly(newcomer, line);
  }

  /** Whether the request would be granted. Another program may stand in the line of a name that has no state. */
  #isOpen(line: EtcdLine): boolean {
    if (line.state === null) return this.#isOpenAtFirst && line.entries.length === 0;
    return line.wouldAdmit(this.#request.ask);
  }

  /** Whether a new name of this kind admits somebody. */
  get #isOpenAtFirst(): boolean {
    return this.#config.kind === 'lock' || this.#config.kind === 'semaphore';
  }

  async #steal(newcomer: Newcomer, known: EtcdLine | null): Promise<Changed | EtcdLine> {
    const { judge, name, parts } = this.#resource;
    const line = await this.#resource.made(known ?? (await this.#resource.settled()), this.#config);
    const { state, admitted } = line;
    if (state === null) return line;
    if (admitted.length === 0) return this.#sender.send(newcomer, trying(newcomer, line));
    if (admitted.some(({ record }) => record === null)) throw foreignHolder(name, parts.place);
    if (admitted.length <= MAX_ENDED)
      return this.#sender.send(newcomer, stealing(newcomer, line, state, judge.signature));
    // Those at the back first: as long as the front holds, nobody who waits is admitted.
    const eviction = { reason: 'stolen', by: judge.signature };
    const last = admitted.at(-1) as LineEntry;
    await this.#resource.evict((now) => now.entries.find(({ key }) => key === last.key), eviction);
    return this.#resource.settled();
  }

  async #arrive(): Promise<EtcdEntry> {
    const { judge } = this.#resource;
    const entry = await this.#joining.by((newcomer, line) => this.#arriveOnce(newcomer, line), null);
    if (entry.state === 'waiting') await this.#expel((line) => judge.among(line.entries));
    return entry;
  }

  async #arriveOnce(newcomer: Newcomer, known: EtcdLine | null): Promise<Changed | 'refused' | EtcdLine> {
    const resource = this.#resource;
    const line = await resource.tend(await resource.made(known ?? (await resource.ledger.read()), this.#config));
    const { state, waiters } = line;
    if (state === null) return line;
    if (state.value === 1) return 'refused';
    const isStale = waiters.length > 0 && resource.judge.among(waiters).length === waiters.length;
    return this.#sender.send(newcomer, arriving(newcomer, line, state, isStale));
  }

  /**
   * Joins a queue. A queued item is taken at once, where nobody waits; else the process that puts gives it to this entry, or, where that
   * one did not know of it:
   *   1. A has read the line, and puts; its change gives the item to nobody.
   *   2. B has joined before that, and has found nothing.
   *   3. Whoever waits sees that something is queued, and shares it out: also B itself, which looks once more when it has joined.
   */
  async #get(): Promise<EtcdEntry> {
    const { ledger } = this.#resource;
    const entry = await this.#joining.by(async (newcomer, known) => {
      const line = await this.#queued(known);
      if (line.state === null) return line;
      if (line.wouldAdmit(1)) return this.#sender.send(newcomer, taking(newcomer, line, line.state));
      return this.#sender.send(newcomer, entering(newcomer, line));
    });
    if (entry.state !== 'waiting') return entry;
    // Best effort, as it is in line: it goes on when it waits.
    if (ledger.line) await this.#resource.tend(ledger.line).catch(() => undefined);
    if (entry.state === 'waiting') await this.#expelInWay();
    return entry;
  }

  async #tryToGet(newcomer: Newcomer, known: EtcdLine | null): Promise<Changed | 'refused' | EtcdLine> {
    let line = await this.#queued(known);
    if (line.state && !line.wouldAdmit(1) && known !== null) line = await this.#resource.settled();
    if (line.state === null) return line;
    return line.wouldAdmit(1) ? this.#sender.send(newcomer, taking(newcomer, line, line.state)) : 'refused';
  }

  /** The line of a queue that is there, as it should be. */
  async #queued(known: EtcdLine | null): Promise<EtcdLine> {
    const { ledger } = this.#resource;
    const line = await this.#checked(known ?? (await ledger.read()));
    return this.#resource.tend(await this.#resource.made(line, this.#config));
  }

  /** For one that can never be in line: the name is made, and is of this kind. */
  async #refusedBy(known: EtcdLine | null): Promise<'refused'> {
    await this.#resource.made(known ?? (await this.#resource.ledger.read()), this.#config);
    return 'refused';
  }

  async #checked(line: EtcdLine): Promise<EtcdLine> {
    if (line.isUnknown || line.state) {
      try {
        return await this.#checkOrResize(line);
      } catch (error) {
        // It may have been forgotten since, and be another kind now.
        const now = await this.#resource.ledger.read();
        if (now.made === line.made) throw error;
        return this.#checked(now);
      }
    }
    return line;
  }

  /** @throws {ConfigMismatchError}; a lock or semaphore with other permits that nobody uses is forgotten where the caller wants that */
  async #checkOrResize(line: EtcdLine): Promise<EtcdLine> {
    const { state } = line;
    if (state && this.#config.resize && !isSameConfig(state, this.#config) && isResizable(state, this.#config)) {
      const { isForgotten, line: after } = await forgetName(this.#resource);
      if (isForgotten) return after;
    }
    this.#resource.check(line, this.#config);
    return line;
  }

  async #expelInWay(): Promise<boolean> {
    const { judge } = this.#resource;
    return this.#expel((line) => judge.inWayOf(line, this.#request.ask));
  }

  /** Best effort: where it fails, our entry stays in line, and looks again. */
  async #expel(find: Parameters<EtcdResource['expel']>[0]): Promise<boolean> {
    const { ledger } = this.#resource;
    try {
      return (await this.#resource.expel(find, ledger.line ?? undefined)).expelled;
    } catch {
      return false;
    }
  }
}
