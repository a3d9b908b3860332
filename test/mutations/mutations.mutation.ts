import { afterAll, describe, expect, it } from 'vitest';
import { HAS_ETCD } from '../support/etcd.ts';
import { ETCD_MUTATIONS } from './etcd-mutations.ts';
import { Mutant, type Verdict } from './mutant.ts';
import { type Edit, MUTATIONS } from './mutations.ts';

const ALL = [...MUTATIONS, ...(HAS_ETCD ? ETCD_MUTATIONS : [])];

/** What a check says that fails. */
const SAYS = /^(AssertionError|Error|StoreError|EtcdError): (?!Build failed|Parse|Transform failed)/;

const rows: string[] = [];

function note(
  rule: string,
  verdict: string,
  { seconds, failed }: Verdict,
  file: string,
  tests: readonly string[],
): void {
  rows.push(`${verdict.padEnd(8)} ${seconds.toFixed(1).padStart(5)} s  ${rule}`);
  rows.push(...tests.map((test) => `${' '.repeat(18)}${file} › ${test}`));
  const why = failed[0]?.why.split('\n', 1)[0];
  if (why) rows.push(`${' '.repeat(18)}${why.slice(0, 160)}`);
}

/** Copies of the tree that no test uses now. */
const idle: Mutant[] = [];

async function run(edits: readonly Edit[], file: string, tests: readonly string[]): Promise<Verdict> {
  const mutant = idle.pop() ?? new Mutant();
  try {
    mutant.break(edits);
    return await mutant.run(file, tests);
  } finally {
    mutant.mend();
    idle.push(mutant);
  }
}

/** The tests that are to catch something, by their files. */
function catchers(): Array<[file: string, tests: string[]]> {
  const files = new Map<string, Set<string>>();
  for (const { caughtBy } of ALL) {
    const tests = files.get(caughtBy.file) ?? new Set();
    files.set(caughtBy.file, tests.add(caughtBy.test));
  }
  return [...files].map(([file, tests]) => [file, [...tests]]);
}

afterAll(() => {
  for (const mutant of idle) mutant.remove();
  console.log(rows.join('\n'));
});

describe('with no rule broken', () => {
  it.concurrent.each(catchers())('what is to catch something passes: %s', async (file, tests) => {
    const verdict = await run([], file, tests);
    const missing = tests.filter((test) => !verdict.passed.some((name) => name.includes(test)));
    note('(none)', verdict.failed.length === 0 && missing.length === 0 ? 'green' : 'RED', verdict, file, tests);
    expect(verdict.failed, verdict.noise).toEqual([]);
    expect(missing, verdict.noise).toEqual([]);
  });
});

describe('a broken rule is caught:', () => {
  it.concurrent.each(ALL)('$rule', async ({ rule, edits, caughtBy: { file, test } }) => {
    const verdict = await run(edits, file, [test]);
    // A mutant that cannot even be built shows nothing.
    const isCaught = verdict.failed.some(({ name, why }) => name.includes(test) && SAYS.test(why));
    note(rule, isCaught ? 'caught' : 'SURVIVES', verdict, file, [test]);
    expect(isCaught, `${rule}: ${verdict.noise}`).toBe(true);
  });
});
