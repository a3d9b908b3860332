import { execFile } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Crowd } from '../crowd.ts';
import { Findings } from '../findings.ts';
import type { Inspection } from '../inspector.ts';
import { Random } from '../random.ts';
import type { Outcome } from '../run.ts';
import { BARRIER, COUNTERS, Ground } from '../scenery.ts';
import type { Verdict } from '../section-check.ts';
import type { Settings } from '../settings.ts';
import { Strays } from '../strays.ts';
import { inNumbers as count, summaryOf } from '../summary.ts';
import { readTrace } from '../trace.ts';
import { Trouble } from '../trouble.ts';
import { checkMeetings, checkUpdates } from '../update-check.ts';
import { Excuses } from './excuses.ts';
import { FencedCheck } from './fenced-check.ts';
import { checkHands } from './hands-check.ts';
import { checkItems } from './item-check.ts';
import { Network, networkMissing } from './network.ts';
import { readRegister } from './register.ts';
import { DOCUMENT, ETCD_SECTIONS, FINISHED, PREFIX, QUEUE } from './scenery.ts';
import { ServerTrouble } from './server-trouble.ts';
import { etcdMissing, Servers } from './servers.ts';
import { EtcdSurroundings } from './surroundings.ts';

const INSPECTOR = fileURLToPath(new URL('../inspector.js', import.meta.url));
const INSPECTOR_MOST_MS = 300_000;
/** Each new process is work for two cores, which the members need, too. */
const GAP_MS = 700;
/** Longer than a lease lasts. */
const LONG_STOP_MS = [10_500, 14_000] as const;
const PLACE = fs.existsSync('/dev/shm') ? '/dev/shm' : os.tmpdir();

/** One run on a cluster of three in a network of its own, from an empty directory to a verdict. Leaves nothing behind. */
export class EtcdRun {
  readonly #settings: Settings;
  readonly #ground: Ground;
  readonly #data: string;
  readonly #network: Network;
  readonly #servers: Servers;
  readonly #findings = new Findings();
  readonly #excuses = new Excuses();
  readonly #strays: Strays;
  readonly #surroundings: EtcdSurroundings;
  readonly #trouble: Trouble;
  readonly #serverTrouble: ServerTrouble;
  readonly #crowd: Crowd;
  #checks: FencedCheck[] = [];
  #updates: Verdict[] = [];
  #document: Verdict | null = null;

  /** Why there can be no such run here, or null. */
  static get missing(): string | null {
    return networkMissing() ?? etcdMissing();
  }

  /** Starts the cluster. */
  static async begin(settings: Settings): Promise<EtcdRun> {
    const network = await Network.open(3);
    const data = fs.mkdtempSync(path.join(PLACE, 'lockstep-chaos-etcd-'));
    try {
      return new EtcdRun(settings, data, network, await Servers.start(network, data));
    } catch (error) {
      await network.close();
      fs.rmSync(data, { recursive: true, force: true });
      throw error;
    }
  }

  private constructor(settings: Settings, data: string, network: Network, servers: Servers) {
    const ground = new Ground(fs.mkdtempSync(path.join(os.tmpdir(), 'lockstep-chaos-')));
    for (const directory of [ground.disk, ground.witness, ground.proc]) fs.mkdirSync(directory);
    const mark = path.basename(ground.root);
    const random = new Random(settings.seed);
    const [findings, excuses, sections] = [this.#findings, this.#excuses, ETCD_SECTIONS];
    this.#settings = settings;
    this.#ground = ground;
    this.#data = data;
    this.#network = network;
    this.#servers = servers;
    this.#strays = new Strays(mark);
    const { proc, root: cache, store: disk } = ground;
    const { without } = settings;
    this.#surroundings = new EtcdSurroundings({ network, servers, mark, without, proc, cache, disk });
    this.#trouble = new Trouble({
      ...{ ground, settings, sections, disk: null, onStop: excuses, gapMs: GAP_MS, longStopMs: LONG_STOP_MS },
      random: new Random(random.seed()),
    });
    const serverRandom = new Random(random.seed());
    this.#serverTrouble = new ServerTrouble({ ground, network, servers, excuses, settings, random: serverRandom });
    const crowdOptions = { ground, findings, sections, settings, weather: this.#serverTrouble };
    this.#crowd = new Crowd(
      { ...crowdOptions, surroundings: this.#surroundings, random: new Random(random.seed()) },
      (member) => this.#trouble.isStopped(member),
    );
  }

  /** Resolves at the end of the run, or when `signal` aborts. */
  async result(signal: AbortSignal): Promise<Outcome> {
    let keep = true;
    try {
      const time = AbortSignal.timeout(this.#settings.seconds * 1_000);
      const over = AbortSignal.any([signal, time]);
      await Promise.all([this.#trouble.make(this.#crowd, over), this.#serverTrouble.make(this.#crowd, over)]);
      this.#trouble.end(this.#crowd);
      if (!signal.aborted) await this.#conclude();
      keep = this.#settings.keep || this.#findings.any;
      return this.#outcome(keep);
    } finally {
      await this.#tidy(keep);
    }
  }

  async #conclude(): Promise<void> {
    await this.#crowd.close();
    const { stuck } = this.#crowd;
    if (stuck) this.#findings.add(`pid ${stuck.pid} made no progress for ${stuck.idleMs / 1_000} s: ${stuck.doing}`);
    const inspection = await this.#inspect(stuck ? 'look' : 'through');
    for (const line of inspection.stuck) this.#findings.add(line);
    if (stuck) for (const line of inspection.standing) this.#findings.add(`in line: ${line}`);
    this.#crowd.end();
    for (const pid of stuck ? [] : await this.#strays.remaining()) this.#findings.add(`pid ${pid} was left behind`);
    await this.#judge(inspection);
  }

  async #judge({ counters }: Inspection): Promise<void> {
    const traces = (name: string) => this.#ground.traces(name);
    this.#checks = ETCD_SECTIONS.map(
      (section) => new FencedCheck(section, readRegister(traces(section.name)), this.#excuses),
    );
    const [counter] = COUNTERS;
    const finished = readTrace(traces(FINISHED));
    this.#document = checkUpdates(DOCUMENT, readTrace(traces(DOCUMENT)), await this.#documentCount());
    this.#updates = [
      checkUpdates(counter, readTrace(traces(counter)), counters[counter] ?? Number.NaN),
      this.#document,
      checkMeetings(BARRIER, readTrace(traces(BARRIER))),
      checkItems(QUEUE, readTrace(traces(QUEUE)), finished, await this.#unfinishedItems()),
      checkHands(QUEUE, finished, this.#excuses),
    ];
    for (const { overlaps, lost, details } of [...this.#checks, ...this.#updates]) {
      this.#findings.overlaps += overlaps;
      this.#findings.lost += lost;
      for (const detail of details) this.#findings.add(detail);
    }
  }

  async #documentCount(): Promise<number> {
    const text = await this.#servers.control(0, 'get', '--print-value-only', `${PREFIX}/${DOCUMENT}/document`);
    return text.trim() === '' ? 0 : (JSON.parse(text) as { count: number }).count;
  }

  async #unfinishedItems(): Promise<number[]> {
    const keys = await this.#servers.control(0, 'get', '--prefix', '--keys-only', `${PREFIX}/${QUEUE}/item/text/`);
    return keys.split('\n').flatMap((key) => (key === '' ? [] : [Number(key.slice(key.lastIndexOf('/') + 1))]));
  }

  async #inspect(way: 'look' | 'through'): Promise<Inspection> {
    const [first, ...words] = this.#network.words(0);
    const args = [...words, process.execPath, INSPECTOR, this.#ground.root, way, this.#servers.url(0, PREFIX)];
    const env = this.#surroundings.environment();
    const { stdout } = await promisify(execFile)(first, args, { env, timeout: INSPECTOR_MOST_MS });
    return JSON.parse(stdout) as Inspection;
  }

  #outcome(keep: boolean): Outcome {
    const { overlaps, lost, details, refusals, forgotten } = this.#findings;
    const { kills, containerKills, stops, longStops, terminations } = this.#trouble;
    const { counts, leaders } = this.#serverTrouble;
    const sum = (what: 'losses' | 'excused' | 'refusedWrites' | 'takeovers') =>
      count(this.#checks.reduce((total, check) => total + check[what], 0));
    const marginMs = Math.min(...this.#checks.map((check) => check.marginMs));
    const cycles = [...this.#checks, ...this.#updates].reduce((total, verdict) => total + verdict.cycles, 0);
    return {
      summary: summaryOf({
        ...{ seed: this.#settings.seed, cycles, kills, containerKills, otherBoots: 0, stops, rotations: 0 },
        ...{ forgotten, fullDisks: null, overlaps, lost, updates: this.#document?.cycles ?? 0, refused: 0, torn: 0 },
      }),
      notes: [
        `servers: ${counts.stop} stopped, ${counts.kill} killed, ${counts.cut} cut off, ${leaders} of these the leader; ${counts.slow} slow disks, ${counts.outage} outages, ${counts.compaction} compactions, ${counts.revocation} leases revoked`,
        `${count(this.#crowd.started)} processes, of which ${count(this.#surroundings.containers)} in containers and ${count(this.#surroundings.jumping)} with a clock that jumps; ${count(terminations)} got SIGTERM; ${count(longStops)} stops were longer than a lease; ${sum('takeovers')} sections were left by the dead`,
        `${sum('losses')} holders learned inside that their lock was lost, ${Number.isFinite(marginMs) ? `at least ${count(marginMs)} ms before the next one was in` : 'and nobody followed them'}; ${sum('excused')} could not, because they were stopped or their lease was revoked; ${sum('refusedWrites')} writes with outdated tokens were refused`,
        ...(refusals === '' ? [] : [`refused, as documented: ${refusals}`]),
        ...(this.#surroundings.canContain ? [] : ['no containers: namespaces cannot be made here']),
      ],
      details,
      kept: keep ? this.#ground.root : null,
    };
  }

  async #tidy(keep: boolean): Promise<void> {
    this.#trouble.end(this.#crowd);
    this.#crowd.end();
    await this.#strays.kill();
    await this.#servers.stop();
    await this.#network.close();
    fs.rmSync(this.#data, { recursive: true, force: true });
    if (!keep) fs.rmSync(this.#ground.root, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
  }
}
