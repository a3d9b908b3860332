import { execFile } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Edit } from './mutations.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const COPIED = ['lib', 'cli', 'test', 'fixtures', 'package.json', 'tsconfig.json', 'vitest.config.ts'];
const TIMEOUT_MS = 110_000;

export interface Verdict {
  /** The tests that failed, by their full names, and what they said. */
  readonly failed: ReadonlyArray<{ name: string; why: string }>;
  /** The full names of those that passed. */
  readonly passed: readonly string[];
  readonly seconds: number;
  /** What the runner said, if it did not even come to the tests. */
  readonly noise: string;
}

/** A copy of the tree, in a directory of its own, in which rules are broken and mended again: the tree itself is never touched. */
export class Mutant {
  readonly #directory: string;
  /** What the broken files had in them. */
  readonly #whole = new Map<string, string>();

  constructor() {
    this.#directory = fs.mkdtempSync(path.join(os.tmpdir(), 'lockstep-mutant-'));
    for (const name of COPIED) fs.cpSync(path.join(ROOT, name), path.join(this.#directory, name), { recursive: true });
    fs.symlinkSync(path.join(ROOT, 'node_modules'), path.join(this.#directory, 'node_modules'));
    fs.mkdirSync(this.#temporary);
  }

  get #temporary(): string {
    return path.join(this.#directory, 't');
  }

  /** @throws if it is not clear which place is meant */
  break(edits: readonly Edit[]): void {
    for (const edit of edits) this.#apply(edit);
  }

  /** The copy is again as the tree is. */
  mend(): void {
    for (const [file, text] of this.#whole) fs.writeFileSync(file, text);
    this.#whole.clear();
  }

  /** Runs the tests of these names in a file, up to the first that fails. */
  run(file: string, tests: readonly string[]): Promise<Verdict> {
    const report = path.join(this.#directory, 'report.json');
    const vitest = path.join(ROOT, 'node_modules/vitest/vitest.mjs');
    const config = ['--config', 'test/mutations/mutant.config.ts'];
    fs.rmSync(report, { force: true });
    const filter = [file, '-t', tests.map(escaped).join('|'), '--bail=1'];
    const args = [vitest, 'run', ...config, ...filter, '--reporter=json', `--outputFile=${report}`];
    const from = performance.now();
    // As if it had been started by itself: a vitest within a vitest would take its surroundings for its own.
    const env = Object.fromEntries(
      Object.entries(process.env).filter(([name]) => !/^(VITEST|TEST|NODE_ENV|LOCKSTEP_)/.test(name)),
    );
    // More than the quick suite has time for: some rules are broken by few of the runs.
    env.LOCKSTEP_RUNS = '150';
    // A run that is ended at its first failure removes nothing.
    env.TMPDIR = this.#temporary;
    return new Promise((resolve) => {
      execFile(process.execPath, args, { cwd: this.#directory, env, timeout: TIMEOUT_MS }, (_, stdout, stderr) => {
        const seconds = (performance.now() - from) / 1000;
        resolve({ ...resultsIn(report), seconds, noise: `${stdout}${stderr}` });
      });
    });
  }

  remove(): void {
    fs.rmSync(this.#directory, { recursive: true, force: true });
  }

  #apply({ file, from, to }: Edit): void {
    const target = path.join(this.#directory, file);
    const before = fs.readFileSync(target, 'utf8');
    if (!this.#whole.has(target)) this.#whole.set(target, before);
    const places = before.split(from).length - 1;
    if (places !== 1) throw new Error(`${file} has ${places} places that read\n${from}`);
    fs.writeFileSync(
      target,
      before.replace(from, () => to),
    );
  }
}

interface Report {
  testResults: Array<{ assertionResults: Array<{ status: string; fullName: string; failureMessages: string[] }> }>;
}

function resultsIn(report: string): Pick<Verdict, 'failed' | 'passed'> {
  if (!fs.existsSync(report)) return { failed: [], passed: [] };
  const { testResults } = JSON.parse(fs.readFileSync(report, 'utf8')) as Report;
  const all = testResults.flatMap(({ assertionResults }) => assertionResults);
  const failed = all
    .filter(({ status }) => status === 'failed')
    .map(({ fullName, failureMessages }) => ({ name: fullName, why: failureMessages[0] ?? '' }));
  const passed = all.filter(({ status }) => status === 'passed').map(({ fullName }) => fullName);
  return { failed, passed };
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
