import { afterAll, describe, expect, it } from 'vitest';
import { Mutant, type Verdict } from './mutant.ts';
import { MUTATIONS, type Mutation } from './mutations.ts';

/** What a check says that fails. */
const SAYS = /^(AssertionError|Error|StoreError): (?!Build failed|Parse|Transform failed)/;

const rows: string[] = [];

function note(rule: string, verdict: string, { seconds, failed }: Verdict, { file, test }: Mutation['caughtBy']): void {
  rows.push(`${verdict.padEnd(8)} ${seconds.toFixed(1).padStart(5)} s  ${rule}`);
  rows.push(`${' '.repeat(18)}${file} › ${test}`);
  const why = failed[0]?.why.split('\n', 1)[0];
  if (why) rows.push(`${' '.repeat(18)}${why.slice(0, 160)}`);
}

async function run({ edits, caughtBy }: Pick<Mutation, 'edits' | 'caughtBy'>): Promise<Verdict> {
  const mutant = new Mutant();
  try {
    mutant.break(edits);
    return await mutant.run(caughtBy);
  } finally {
    mutant.remove();
  }
}

/** Each test that is to catch something, once. */
function catchers(): Array<Mutation['caughtBy']> {
  return [...new Map(MUTATIONS.map(({ caughtBy }) => [`${caughtBy.file} ${caughtBy.test}`, caughtBy])).values()];
}

afterAll(() => {
  console.log(rows.join('\n'));
});

describe('with no rule broken', () => {
  it.concurrent.each(catchers())('it passes: $file, $test', async (caughtBy) => {
    const verdict = await run({ edits: [], caughtBy });
    note('(none)', verdict.failed.length === 0 && verdict.passed > 0 ? 'green' : 'RED', verdict, caughtBy);
    expect(verdict.failed, verdict.noise).toEqual([]);
    expect(verdict.passed, verdict.noise).toBeGreaterThan(0);
  });
});

describe('a broken rule is caught:', () => {
  it.concurrent.each(MUTATIONS)('$rule', async ({ rule, edits, caughtBy }) => {
    const verdict = await run({ edits, caughtBy });
    // A mutant that cannot even be built shows nothing.
    const isCaught = verdict.failed.some(({ name, why }) => name.includes(caughtBy.test) && SAYS.test(why));
    note(rule, isCaught ? 'caught' : 'SURVIVES', verdict, caughtBy);
    expect(isCaught, `${rule}: ${verdict.noise}`).toBe(true);
  });
});
