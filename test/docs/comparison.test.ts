import fs from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Program, Rig, until } from '../support/cli-rig.ts';
import { EtcdCluster, HAS_ETCD } from '../support/etcd.ts';
import { filelock, properLockfile } from './compared/library-tools.ts';
import { etcdctl, flock, lockstep, sem } from './compared/shell-tools.ts';
import type { Tool } from './compared/tool.ts';

const README = fs.readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
/** What a tool is for, and not how it behaves. */
const UNTESTED = ['for', 'needs', 'several machines'];
/** By chance who asks again at once is too late, or a crowd gets in in its order. */
const ROUNDS = 4;
const CROWD = 4;
/** A lease of etcd and a stale lock file both last 10 s; what is noticed at once is noticed long before. */
const AT_ONCE_S = 5;

let etcd: EtcdCluster | null = null;

beforeAll(async () => {
  if (HAS_ETCD) etcd = await EtcdCluster.start();
});
afterAll(() => etcd?.stop());

const MAKERS: ReadonlyArray<(rig: Rig) => Tool> = [
  lockstep,
  flock,
  sem,
  properLockfile,
  filelock,
  (rig) => etcdctl(rig, etcd?.members[0] ?? null),
];

/** The rows of the README's table by their heads: its cells by the heads of their columns. */
function readTable(): Map<string, Record<string, string>> {
  const [table = ''] = /^\| +\| Lockstep \|.*?\n\n/ms.exec(README) ?? [];
  const lines = table.trim().split('\n');
  const [[, ...heads] = [], , ...rows] = lines.map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
  const byHead = (cells: string[]) => Object.fromEntries(cells.map((cell, at) => [heads[at] ?? '', cell]));
  return new Map(rows.map(([key = '', ...cells]) => [key, byHead(cells)]));
}
const TABLE = readTable();

/** A tool in a directory of its own, and what a test starts of it there. */
class Trial {
  readonly tool: Tool;
  readonly #rig = new Rig();

  constructor(make: (rig: Rig) => Tool) {
    this.tool = make(this.#rig);
  }

  /** Lets one command go that holds. */
  readonly #gate = this.#rig.gate('gate');

  letOneGo(): void {
    this.#gate.open();
  }

  start([program = '', ...args]: readonly string[]): Program {
    return this.#rig.start(program, args);
  }

  /** Started, and it holds. */
  async holder(words = this.tool.hold): Promise<{ program: Program; pid: string }> {
    const program = this.start(words);
    const [, pid = ''] = await program.says(/^in (\d+)/m);
    // Not of our group, where the wrapper makes another one.
    this.#rig.stray(Number(pid));
    return { program, pid };
  }

  /** Started, and it waits. */
  async waiter(words = this.tool.hold): Promise<Program> {
    const program = this.start(words);
    await until(`${this.tool.name} waits`, () => this.tool.isWaiting(program));
    return program;
  }

  end(): Promise<void> {
    return this.#rig.end();
  }
}

/** A cell, as it is found to be. */
type Finding = (trial: Trial) => Promise<string>;

/** Tries a row with every tool that is there, each by itself, and compares the findings with the README's cells. */
function row(key: string, find: Finding, cell: (text: string) => string = (text) => text): void {
  test(`${key}: each cell is what its tool does`, async () => {
    const trials = MAKERS.map((make) => new Trial(make));
    try {
      const found = trials
        .filter(({ tool }) => tool.isThere)
        .map(async (trial) => [trial.tool.name, await find(trial)]);
      const cells = Object.entries(TABLE.get(key) ?? {}).map(([name, text]) => [name, cell(text)]);
      const findings = await Promise.all(found);
      expect(findings).toEqual(cells.filter(([name]) => findings.some(([tried]) => tried === name)));
    } finally {
      await Promise.all(trials.map((trial) => trial.end()));
    }
  });
  tested.push(key);
}
const tested: string[] = [];

/** `no` of a feature that the tool itself does not name. */
async function hasOrNeverNames(
  { tool }: Trial,
  words: readonly string[] | null,
  name: RegExp,
  tries: () => Promise<void>,
) {
  if (words !== null) await tries();
  else expect(tool.manual(), tool.name).not.toMatch(name);
  return words === null ? 'no' : 'yes';
}

/** Whether one who waits gets in before the holder, who releases and asks again at once. */
async function isNotOvertaken(trial: Trial, again: readonly string[]): Promise<boolean> {
  const { program: first } = await trial.holder(again);
  const second = await trial.waiter();
  trial.letOneGo();
  await Promise.race([first.says(/again|behind/), second.says(/^in/m)]);
  if (first.stdout.includes('again')) return false;
  await second.says(/^in/m);
  trial.letOneGo();
  await Promise.all([first.ended, second.ended]);
  return true;
}

/** Whether several get in in the order in which they came. */
async function isInOrder(trial: Trial): Promise<boolean> {
  await trial.holder();
  const waiters: Program[] = [];
  for (let one = 0; one < CROWD; one++) waiters.push(await trial.waiter());
  const order: number[] = [];
  const entries = waiters.map(async (waiter, at) => {
    await waiter.says(/^in/m);
    order.push(at);
    trial.letOneGo();
    await waiter.ended;
  });
  trial.letOneGo();
  await Promise.all(entries);
  return order.every((at, place) => at === place);
}

row('first come, first served', async (trial) => {
  const { again } = trial.tool;
  for (let round = 0; round < ROUNDS; round++)
    if (!(await (again === null ? isInOrder(trial) : isNotOvertaken(trial, again)))) return 'no';
  return 'yes';
});

row('readers share it', async (trial) => {
  const { shared } = trial.tool;
  return hasOrNeverNames(trial, shared, /\bshared\b|\breaders?\b/i, async () => {
    await trial.holder(shared ?? []);
    await trial.holder(shared ?? []);
    await trial.waiter();
  });
});

row('up to *n* at a time', async (trial) => {
  const { two } = trial.tool;
  return hasOrNeverNames(trial, two, /semaphore|permits|at a time/i, async () => {
    await trial.holder(two ?? []);
    await trial.holder(two ?? []);
    await trial.waiter(two ?? []);
  });
});

row('the holder is killed: who waits gets in', async (trial) => {
  const { program } = await trial.holder();
  const next = await trial.waiter();
  const before = performance.now();
  program.destroy();
  await next.says(/^in/m);
  return performance.now() - before < AT_ONCE_S * 1_000 ? 'at once' : 'after 10 s';
});

row('its wrapper is killed: held until the command ends', async (trial) => {
  const { isWrapper, attempt } = trial.tool;
  if (!isWrapper) return '–';
  const { program } = await trial.holder();
  program.kill('SIGKILL');
  await program.exited();
  if (attempt === null) {
    // It waits, at most for the lease of the killed wrapper.
    await trial.holder();
    return 'no';
  }
  const next = trial.start(attempt);
  const isIn = await Promise.race([
    next.ended.then(() => false),
    next.says(/^in/m).then(
      () => true,
      () => false,
    ),
  ]);
  if (isIn) return 'no';
  trial.letOneGo();
  await trial.holder();
  return 'yes';
});

row('a fencing token', async (trial) => {
  const { token } = trial.tool;
  return hasOrNeverNames(trial, token, /token|fencing/i, async () => {
    const [one, other] = [await trial.start(token ?? []).ended, await trial.start(token ?? []).ended];
    expect(Number(one.stdout), one.stderr).toBeGreaterThan(0);
    expect(Number(other.stdout)).toBeGreaterThan(Number(one.stdout));
  });
});

row(
  'says who holds',
  async (trial) => {
    const { program, pid } = await trial.holder();
    const text = await trial.tool.says();
    return [program.pid, pid].some((one) => new RegExp(`\\b${one}\\b`).test(text)) ? 'yes' : 'no';
  },
  // The cell names what is said.
  (text) => (text === 'no' ? 'no' : 'yes'),
);

test('each row of the table that says how a tool behaves is tried, and each column is', () => {
  expect([...tested, ...UNTESTED].sort()).toEqual([...TABLE.keys()].sort());
  const columns = MAKERS.map((make) => {
    const trial = new Trial(make);
    return trial.end().then(() => trial.tool.name);
  });
  return expect(Promise.all(columns)).resolves.toEqual(Object.keys(TABLE.get('for') ?? {}));
});
