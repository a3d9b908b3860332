import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Crowd } from './crowd.ts';
import { SmallDisk } from './disk.ts';
import { documentOf } from './document.ts';
import { checkDocument, type DocumentVerdict, leftBehind } from './document-check.ts';
import { Findings } from './findings.ts';
import type { Inspection } from './inspector.ts';
import { Random } from './random.ts';
import { BARRIER, COUNTERS, Ground, JSON_FILES, PASSING_LOCKS, SECTIONS, type Section } from './scenery.ts';
import { SectionCheck, type Verdict } from './section-check.ts';
import type { Settings } from './settings.ts';
import { Strays } from './strays.ts';
import { inNumbers, summaryOf } from './summary.ts';
import { Surroundings } from './surroundings.ts';
import { readTrace } from './trace.ts';
import { Trouble } from './trouble.ts';
import { checkMeetings, checkUpdates } from './update-check.ts';

const INSPECTOR = fileURLToPath(new URL('./inspector.js', import.meta.url));
const INSPECTOR_MOST_MS = 60_000;

export interface Outcome {
  summary: string;
  /** Further facts about the run, one line each. */
  notes: string[];
  /** Violations, one line each. */
  details: string[];
  /** The directory with all files, if it is kept. */
  kept: string | null;
}

/** One run, from an empty directory to a verdict. Leaves nothing behind unless that is requested. */
export class Run {
  readonly #settings: Settings;
  readonly #ground: Ground;
  readonly #disk: SmallDisk;
  readonly #findings = new Findings();
  readonly #strays: Strays;
  readonly #surroundings: Surroundings;
  readonly #trouble: Trouble;
  readonly #crowd: Crowd;
  #verdicts: Verdict[] = [];
  #documents: DocumentVerdict[] = [];

  constructor(settings: Settings) {
    this.#settings = settings;
    this.#ground = new Ground(fs.mkdtempSync(path.join(os.tmpdir(), 'lockstep-chaos-')));
    fs.mkdirSync(this.#ground.witness);
    const ground = this.#ground;
    const disk = new SmallDisk(ground);
    for (const name of JSON_FILES) fs.writeFileSync(ground.json(name), JSON.stringify(documentOf(0)));
    const mark = path.basename(ground.root);
    const random = new Random(settings.seed);
    const findings = this.#findings;
    const sections = SECTIONS as [Section, ...Section[]];
    this.#disk = disk;
    this.#strays = new Strays(mark);
    fs.mkdirSync(ground.proc);
    fs.writeFileSync(ground.boot, `${randomUUID()}\n`);
    const { proc, boot, root: cache } = ground;
    this.#surroundings = new Surroundings({ mark, without: settings.without, proc, boot, cache, store: ground.store });
    this.#trouble = new Trouble({ ...{ ground, disk, settings, sections }, random: new Random(random.seed()) });
    const crowdOptions = { ground, weather: disk, sections, findings, settings, surroundings: this.#surroundings };
    this.#crowd = new Crowd({ ...crowdOptions, random: new Random(random.seed()) }, (member) =>
      this.#trouble.isStopped(member),
    );
  }

  /** Resolves at the end of the run, or when `signal` aborts. */
  async result(signal: AbortSignal): Promise<Outcome> {
    let keep = true;
    try {
      await this.#live(signal);
      if (!signal.aborted) await this.#conclude();
      keep = this.#settings.keep || this.#findings.any;
      return this.#outcome(keep);
    } finally {
      await this.#tidy(keep);
    }
  }

  async #live(signal: AbortSignal): Promise<void> {
    const over = new AbortController();
    const watch = setInterval(() => {
      if (this.#crowd.stuck) over.abort();
    }, 500);
    const time = AbortSignal.timeout(this.#settings.seconds * 1_000);
    await this.#trouble.make(this.#crowd, AbortSignal.any([signal, over.signal, time]));
    clearInterval(watch);
    this.#trouble.end(this.#crowd);
  }

  async #conclude(): Promise<void> {
    await this.#crowd.close();
    const { stuck } = this.#crowd;
    if (stuck) this.#findings.add(`pid ${stuck.pid} made no progress for ${stuck.idleMs / 1_000} s: ${stuck.doing}`);
    const inspection = await this.#inspect(stuck ? 'look' : 'through');
    for (const line of inspection.stuck) this.#findings.add(line);
    if (stuck) for (const line of inspection.standing) this.#findings.add(`in line: ${line}`);
    // After the inspection, which evicts the entries of dead processes.
    this.#crowd.end();
    for (const pid of stuck ? [] : await this.#strays.remaining()) this.#findings.add(`pid ${pid} was left behind`);
    this.#judge(inspection);
    if (!stuck) for (const left of this.#leftBehind()) this.#findings.add(left);
  }

  #judge({ counters }: Inspection): void {
    const trace = (name: string) => readTrace(this.#ground.traces(name));
    this.#documents = JSON_FILES.map((name) => checkDocument(name, trace(name), this.#jsonText(name)));
    this.#verdicts = [
      ...SECTIONS.map((section) => new SectionCheck(section, trace(section.name))),
      ...COUNTERS.map((name) => checkUpdates(name, trace(name), counters[name] ?? Number.NaN)),
      ...this.#documents,
      checkMeetings(BARRIER, trace(BARRIER)),
    ];
    for (const { overlaps, lost, details } of this.#verdicts) {
      this.#findings.overlaps += overlaps;
      this.#findings.lost += lost;
      for (const detail of details) this.#findings.add(detail);
    }
  }

  #jsonText(name: string): string {
    try {
      return fs.readFileSync(this.#ground.json(name), 'utf8');
    } catch (error) {
      this.#findings.add(`${name}: ${String(error)}`);
      return '';
    }
  }

  #leftBehind(): string[] {
    const known = [this.#ground.store, this.#ground.ballast].map((place) => path.basename(place));
    return leftBehind(fs.readdirSync(this.#ground.disk), [...known, ...JSON_FILES]);
  }

  async #inspect(way: 'look' | 'through'): Promise<Inspection> {
    const args = [INSPECTOR, this.#ground.root, way, this.#ground.store];
    const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: INSPECTOR_MOST_MS });
    return JSON.parse(stdout) as Inspection;
  }

  #outcome(keep: boolean): Outcome {
    const { overlaps, lost, details, refusals, forgotten } = this.#findings;
    const cycles = this.#verdicts.reduce((sum, verdict) => sum + verdict.cycles, 0);
    const takeovers = this.#verdicts.reduce((sum, verdict) => sum + verdict.takeovers, 0);
    const { kills, containerKills, stops, longStops, terminations } = this.#trouble;
    const { jumping, deaf, deafness, containers, otherBoots, canContain } = this.#surroundings;
    const { started, suicides } = this.#crowd;
    const count = inNumbers;
    const of = (what: 'cycles' | 'refused' | 'torn') => this.#documents.reduce((sum, one) => sum + one[what], 0);
    return {
      summary: summaryOf({
        ...{ seed: this.#settings.seed, cycles, kills: kills + suicides, containerKills, otherBoots, stops },
        ...{ rotations: this.#rotations(), forgotten, overlaps, lost },
        fullDisks: this.#disk.missing === null ? this.#disk.fillings : null,
        ...{ updates: of('cycles'), refused: of('refused'), torn: of('torn') },
      }),
      notes: [
        `${count(started)} processes, of which ${count(containers)} in containers, ${count(deaf)} without inotify (${deafness}) and ${count(jumping)} with a clock that jumps; ${count(suicides)} killed themselves at some call; ${count(terminations)} got SIGTERM; ${count(longStops)} stops were longer than heartbeats are waited for; ${count(takeovers)} sections were left by the dead`,
        ...(refusals === '' ? [] : [`refused, as documented: ${refusals}`]),
        ...(canContain ? [] : ['no containers: namespaces cannot be made here']),
        ...(this.#disk.missing === null ? [] : [`no disk was filled up: ${this.#disk.missing}`]),
      ],
      details,
      kept: keep ? this.#ground.root : null,
    };
  }

  #rotations(): number {
    const resources = path.join(this.#ground.store, 'resources');
    // The epochs of those that are forgotten have no numbers that count them.
    const passing: readonly string[] = PASSING_LOCKS;
    const names = fs.readdirSync(resources).filter((name) => !passing.includes(name));
    const epochs = names.map((name) => {
      const journals = fs.readdirSync(path.join(resources, name)).map((file) => /^journal\.(\d+)$/.exec(file)?.[1]);
      return Math.max(1, ...journals.map((number) => Number(number ?? 1)));
    });
    return epochs.reduce((sum, epoch) => sum + epoch - 1, 0);
  }

  async #tidy(keep: boolean): Promise<void> {
    this.#trouble.end(this.#crowd);
    this.#crowd.end();
    await this.#strays.kill();
    this.#disk.end(keep);
    if (!keep) fs.rmSync(this.#ground.root, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
  }
}
