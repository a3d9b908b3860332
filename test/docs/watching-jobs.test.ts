import fs from 'node:fs';
import parse from 'parse-prometheus-text-format';
import { expect, test } from 'vitest';
import { metricsText } from '../../cli/commands/jobs/metrics.ts';
import { jobAsJson, readingAsJson } from '../../cli/report/job-json.ts';
import { judgeJob } from '../../lib/jobs/health.ts';
import { JOB_STATES } from '../../lib/jobs/job-verdict.ts';
import { OUTCOMES } from '../../lib/jobs/run.ts';
import { runAt } from '../support/recorded-run.ts';

const PAGE = fs.readFileSync(new URL('../../docs/watching-jobs.md', import.meta.url), 'utf8');
const READING = {
  run: runAt(1, { plan: { expect: 'every 1s', graceMs: 0 } }),
  state: 'ended',
  orphaned: false,
  stopped: null,
  unseen: false,
} as const;
const VERDICT = judgeJob([READING], 10_000);

function rowsOf(name: string): string {
  const [, section = ''] = PAGE.split(`## ${name}\n`);
  return section.split('\n## ')[0]?.replaceAll('"', '`') ?? '';
}

test('docs/watching-jobs.md has every key of the JSON', () => {
  const section = rowsOf('`lockstep jobs --json`');
  const run = readingAsJson(READING, () => '') as { plan: object; attempts: object[] };
  const keys = [jobAsJson('n', VERDICT, 2), run, run.plan, ...run.attempts].flatMap(Object.keys);
  expect(keys.length).toBeGreaterThan(40);
  for (const key of keys) expect(section).toContain(`\`${key}\``);
  for (const outcome of OUTCOMES) expect(section).toContain(`\`${outcome}\``);
});

test('docs/watching-jobs.md has every state, and every metric', async () => {
  for (const state of JOB_STATES) expect(rowsOf('The state of a job')).toContain(`| \`${state}\``);
  const families = parse(await metricsText([{ name: 'n', verdict: VERDICT }]));
  expect(families).toHaveLength(13);
  for (const { name } of families) expect(rowsOf('`lockstep jobs --prometheus`')).toContain(`\`${name}\``);
});
