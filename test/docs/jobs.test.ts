import fs from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { JobRig } from '../support/job-rig.ts';

const page = fs.readFileSync(new URL('../../docs/jobs.md', import.meta.url), 'utf8');

let rig: JobRig;
beforeEach(() => {
  rig = new JobRig();
  for (const name of ['sync', 'report', 'index', 'backup', 'update'])
    rig.write(`${name}.sh`, `#!/bin/sh\necho ${name}\n`, 0o755);
});
afterEach(() => rig.end());

/** The lines of the page's blocks of a kind, without comments of their own. */
function linesOf(kind: string): string[] {
  const blocks = [...page.matchAll(new RegExp(`^\`\`\`${kind}\n(.*?)^\`\`\``, 'gms'))];
  return blocks.flatMap(([, text = '']) => text.trim().split('\n')).filter((line) => !line.startsWith('#'));
}

describe('docs/jobs.md', () => {
  test('its crontab lines run under cron, and are silent', async () => {
    const lines = linesOf('crontab');
    expect(lines).toHaveLength(6);
    for (const line of lines) {
      const [, fields, command = ''] = /^((?:\S+\s+){5})(.*)$/.exec(line) ?? [];
      expect(fields?.trim().split(/\s+/)).toHaveLength(5);
      expect(await rig.cron(command).ended, line).toEqual({ status: 0, stdout: '', stderr: '' });
      const [, name = ''] = /job (\S+)/.exec(command) ?? [];
      expect(rig.outcomes(name)).toEqual(['succeeded']);
    }
  });

  test('its commands print, and exit, as it says beside them', async () => {
    const lines = linesOf('sh');
    expect(lines).toHaveLength(7);
    for (const line of lines) {
      const { status, stdout } = await rig.cron(line).ended;
      const [, printed = ''] = /# prints `(.*?)`/.exec(line) ?? [];
      const [, code = '0'] = /exits (\d+)/.exec(line) ?? [];
      expect([line, status, stdout.trim()]).toEqual([line, Number(code), printed]);
    }
    expect(rig.read('demo.log')).toBe('kept\n');
    expect(rig.runs('backup').map(({ run }) => [run.plan.expect, run.plan.graceMs])).toEqual([
      ['30 2 * * *', null],
      ['every 24h', 3_600_000],
    ]);
  });

  test('names every option', async () => {
    const { stdout } = await rig.job('--help');
    const options = [...stdout.matchAll(/^ +(?:-\w, )? *(--[a-z-]+) /gm)].map(([, option = '']) => option);
    expect(options.length).toBeGreaterThan(18);
    const general = ['--version', '--help', '--dir', '--command', '--conflict-exit-code'];
    for (const option of options.filter((one) => !general.includes(one))) expect(page).toContain(option);
  });
});
