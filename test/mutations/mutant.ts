import { execFile } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Edit, Mutation } from './mutations.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const COPIED = ['lib', 'test', 'fixtures', 'package.json', 'tsconfig.json', 'vitest.config.ts'];
const TIMEOUT_MS = 110_000;

export interface Verdict {
  /** The tests that failed, by their full names, and what they said. */
  readonly failed: ReadonlyArray<{ name: string; why: string }>;
  readonly passed: number;
  readonly seconds: number;
  /** What the runner said, if it did not even come to the tests. */
  readonly noise: string;
}

/** A copy of the tree with broken rules in it, in a directory of its own: the tree itself is never touched. */
export class Mutant {
  readonly #directory: string;

  constructor() {
    this.#directory = fs.mkdtempSync(path.join(os.tmpdir(), 'lockstep-mutant-'));
    for (const name of COPIED) fs.cpSync(path.join(ROOT, name), path.join(this.#directory, name), { recursive: true });
    fs.symlinkSync(path.join(ROOT, 'node_modules'), path.join(this.#directory, 'node_modules'));
  }

  /** @throws if it is not clear which place is meant */
  break(edits: readonly Edit[]): void {
    for (const edit of edits) this.#apply(edit);
  }

  /** Runs the tests of that name, up to the first that fails. */
  run({ file, test }: Mutation['caughtBy']): Promise<Verdict> {
    const report = path.join(this.#directory, 'report.json');
    const vitest = path.join(ROOT, 'node_modules/vitest/vitest.mjs');
    const args = [vitest, 'run', file, '-t', escaped(test), '--bail=1', '--reporter=json', `--outputFile=${report}`];
    const from = performance.now();
    // As if it had been started by itself: a vitest within a vitest would take its surroundings for its own.
    const env = Object.fromEntries(
      Object.entries(process.env).filter(([name]) => !/^(VITEST|TEST|NODE_ENV|LOCKSTEP_)/.test(name)),
    );
    // More than the quick suite has time for: some rules are broken by few of the runs.
    env.LOCKSTEP_RUNS = '150';
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
  if (!fs.existsSync(report)) return { failed: [], passed: 0 };
  const { testResults } = JSON.parse(fs.readFileSync(report, 'utf8')) as Report;
  const all = testResults.flatMap(({ assertionResults }) => assertionResults);
  const failed = all
    .filter(({ status }) => status === 'failed')
    .map(({ fullName, failureMessages }) => ({ name: fullName, why: failureMessages[0] ?? '' }));
  return { failed, passed: all.filter(({ status }) => status === 'passed').length };
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
