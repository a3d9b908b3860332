import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Rig } from '../../../support/cli-rig.ts';

const FILE = fileURLToPath(new URL('../../../../dist/man/lockstep.1', import.meta.url));

let rig: Rig;
beforeEach(() => {
  rig = new Rig();
});
afterEach(() => rig.end());

function isThere(command: string, ...args: string[]): boolean {
  return spawnSync(command, args).error === undefined;
}

/** The page's text, by verb: what stands under its heading. */
function sectionOf(page: string, verb: string): string {
  const [, text = ''] = page.split(`\n.SS "lockstep ${verb}"\n`);
  return (text.split(/^\.S[SH] /m)[0] ?? '').replaceAll('\\-', '-');
}

describe('the manual', () => {
  test('has every verb, and each of its options with its aliases, that help has', { timeout: 60_000 }, async () => {
    const page = (await rig.run('man')).stdout;
    const help = (await rig.run('--help')).stdout.split(/^Options:/m)[0] ?? '';
    const verbs = [...help.matchAll(/^ {2}lockstep ([a-z]+) /gm)].map(([, verb = '']) => verb);
    expect([...page.matchAll(/^\.SS "lockstep ([a-z]+)"$/gm)].map(([, verb]) => verb).sort()).toEqual(verbs.toSorted());
    for (const verb of verbs) {
      const text = (await rig.run(verb, '--help')).stdout;
      const options = (text.split(/^Options:|^Examples:/m)[1] ?? '').matchAll(/^ {2,6}(-[^\s,]+(?:, -[^\s,]+)*)/gm);
      const terms = [...sectionOf(page, verb).matchAll(/^\.TP\n\\fB(-.*?)( [A-Z]+)?\\fR$/gm)].map(([, term]) => term);
      const spelled = [...options]
        .map(([, spelling]) => spelling)
        .filter((one) => !/--(help|version)$/.test(one ?? ''));
      const inOrder = (term?: string) => term?.split(', ').sort().join(', ');
      expect([verb, terms.map(inOrder).sort()]).toEqual([verb, spelled.map(inOrder).sort()]);
    }
  });

  test('says what an option is set to, and shows each example', async () => {
    const page = (await rig.run('man')).stdout;
    expect(sectionOf(page, 'run')).toMatch(/--kill-after AFTER\\fR\n.*\n?.*Default:\s10s\./);
    expect(sectionOf(page, 'monitor')).toContain('lockstep monitor host packer --once || mail');
    expect(sectionOf(page, 'event')).toContain('One of: set, clear, wait');
  });

  test('is the file that the package installs', async () => {
    const pack = JSON.parse(fs.readFileSync(new URL('../../../../package.json', import.meta.url), 'utf8'));
    expect(pack.man).toEqual(['dist/man/lockstep.1']);
    expect(pack.files).toContain('dist');
    const undated = (page: string) => page.replace(/^\.TH LOCKSTEP 1 "[0-9-]+"/, '');
    expect(undated(fs.readFileSync(FILE, 'utf8'))).toBe(undated((await rig.run('man')).stdout));
  });

  test('has the day that a reproducible build names', async () => {
    const program = rig.lockstep(['man'], { input: '', env: { SOURCE_DATE_EPOCH: '86400' } });
    expect((await program.ended).stdout).toMatch(/^\.TH LOCKSTEP 1 "1970-01-02" /);
  });

  test.skipIf(!isThere('mandoc', '-T', 'lint', FILE))('has nothing that mandoc warns of', () => {
    const { stdout, stderr } = spawnSync('mandoc', ['-T', 'lint', '-W', 'style', FILE], { encoding: 'utf8' });
    expect(stdout + stderr).toBe('');
  });

  test.skipIf(!isThere('groff', '--version'))('is rendered by groff without a warning, with nothing lost', () => {
    const { stdout, stderr } = spawnSync('groff', ['-man', '-ww', '-Kutf8', '-Tutf8', '-P-cbou', FILE], {
      encoding: 'utf8',
    });
    expect(stderr).toBe('');
    expect(stdout).toContain("lockstep edit ticket.json -- jq '.count -= 1'");
    expect(stdout).toContain('LOCKSTEP_GUARDED');
    expect(stdout).toContain('lockstep run NAME [options] -- CMD [ARG…]');
  });

  test.skipIf(!isThere('script', '--version'))('is plain text at a terminal that has no man', async () => {
    const env = { PATH: rig.path('none') };
    const command = 'exec "$NODE" "$MAIN" man';
    const program = rig.start(scriptPath(), ['-qec', command, '/dev/null'], { env, input: '' });
    const { stdout } = await program.ended;
    expect(stdout).toContain('EXIT STATUS');
    expect(stdout).toMatch(/^ {4}-w, --wait WAIT\r?$/m);
    expect(stdout).not.toContain('.SH');
  });
});

function scriptPath(): string {
  return spawnSync('/bin/sh', ['-c', 'command -v script'], { encoding: 'utf8' }).stdout.trim();
}
