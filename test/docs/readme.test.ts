import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { VERBS } from '../../cli/commands/index.ts';
import { MAIN, type Result, Rig } from '../support/cli-rig.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const README = fs.readFileSync(`${ROOT}README.md`, 'utf8');

let rig: Rig;
beforeEach(() => {
  rig = new Rig();
});
afterEach(() => rig.end());

function blocks(language: string): string[] {
  return [...README.matchAll(new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\`$`, 'gms'))].map(([, text = '']) => text);
}

function hasJq(): boolean {
  try {
    execFileSync('jq', ['--version']);
    return true;
  } catch {
    return false;
  }
}

/** The README's scripts, and `lockstep` itself, as a script would find them on its PATH. */
function equip(): { PATH: string } {
  fs.mkdirSync(rig.path('bin'));
  rig.write('bin/lockstep', '#!/bin/sh\nexec "$NODE" "$MAIN" "$@"\n', 0o755);
  for (const name of ['deploy.sh', 'backup.sh', 'render.sh', 'report.sh', 'pack-logs.sh', 'migrate', 'restart'])
    rig.write(name, `#!/bin/sh\necho "${name} $*"\n`, 0o755);
  rig.write('ticket.json', '{"count": 5}\n');
  return { PATH: `${rig.path('bin')}:${process.env.PATH}` };
}

async function runProgram(text: string): Promise<Result> {
  // In the checkout, because there the package finds itself by its own name.
  const directory = fs.mkdtempSync(`${ROOT}build/readme-`);
  try {
    fs.writeFileSync(`${directory}/example.ts`, text);
    const bundle = await rolldown({ input: `${directory}/example.ts`, external: ['lockstep'], platform: 'node' });
    await bundle.write({ file: `${directory}/example.mjs`, format: 'esm' });
    return await rig.start(process.execPath, [`${directory}/example.mjs`]).ended;
  } finally {
    fs.rmSync(directory, { recursive: true });
  }
}

describe('the README', () => {
  test('begins with the two commands that show and test everything', () => {
    const first = README.split('\n').slice(0, 17).join('\n');
    expect(first).toContain('\nnpm ci && npx lockstep demo tickets\n');
    expect(first).toContain('\nnpm ci && npm test\n');
  });

  test('’s installation puts the command and its manual where they are found', async () => {
    const [block = ''] = blocks('sh').filter((text) => text.includes('npm install --global .'));
    const script = rig.write('install.sh', block.split('\n')[0] ?? '');
    // Its scripts would build anew what other tests are using.
    const env = { npm_config_prefix: rig.path('prefix'), npm_config_ignore_scripts: 'true' };
    const { status, stderr } = await rig.start('/bin/sh', [script], { env, cwd: ROOT }).ended;
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const { stdout } = await rig.start(rig.path('prefix/bin/lockstep'), ['--version']).ended;
    expect(stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
    expect(rig.read('prefix/share/man/man1/lockstep.1')).toMatch(/^\.TH LOCKSTEP 1 /);
  });

  // npm makes it executable when it makes the link, and not again when the link is there and the file is built anew.
  test('’s `npx lockstep` also runs what was built after npm made its link', async () => {
    fs.symlinkSync(MAIN, rig.path('lockstep'));
    const { status, stdout } = await rig.start(rig.path('lockstep'), ['run', 'n', '--', 'echo', 'in']).ended;
    expect({ status, stdout }).toEqual({ status: 0, stdout: 'in\n' });
  });

  test('names only verbs that there are', () => {
    const code = [...blocks('sh'), ...[...README.matchAll(/`([^`\n]+)`/g)].map(([, text = '']) => text)].join('\n');
    const verbs = new Set([...code.matchAll(/\blockstep ([a-z]+)/g)].map(([, verb = '']) => verb));
    expect(verbs.size).toBeGreaterThan(6);
    expect(VERBS).toEqual(expect.arrayContaining([...verbs]));
  });

  test.skipIf(!hasJq())('has shell lines that do what they say', async () => {
    const [block = ''] = blocks('sh').filter((text) => text.includes('lockstep run backup'));
    const script = rig.write('lines.sh', `set -e\n${block}`);
    const { status, stdout, stderr } = await rig.start('/bin/sh', [script], { env: equip(), input: '' }).ended;
    expect(stderr).toBe('');
    expect(status).toBe(0);
    expect(stdout).toBe('deploy.sh \nbackup.sh \nrender.sh \nreport.sh \n');
    expect(JSON.parse(rig.read('ticket.json'))).toEqual({ count: 4 });
  });

  test('has a script that holds a lock over several commands', async () => {
    const [block = ''] = blocks('sh').filter((text) => text.includes('lockstep acquire'));
    const script = rig.write('lines.sh', block);
    const { status, stdout, stderr } = await rig.start('/bin/sh', [script], { env: equip(), input: '' }).ended;
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toMatch(/^migrate --fencing-token \d+\nrestart \n$/);
    expect(await rig.entries('deploy')).toEqual([]);
  });

  test('has a daemon that ends when its command does', async () => {
    const [block = ''] = blocks('sh').filter((text) => text.includes('lockstep with'));
    const env = equip();
    // The daemon is to have begun before the command ends.
    rig.write('report.sh', '#!/bin/sh\nuntil [ -s ticks ]; do sleep 0.01; done; echo reported\n', 0o755);
    const { status, stdout, stderr } = await rig.start('/bin/sh', [rig.write('l.sh', block)], { env, input: '' }).ended;
    expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: 'reported\n', stderr: '' });
  });

  test('has a program with children that runs', async () => {
    const block = blocks('ts').find((text) => text.includes('new Process')) ?? '';
    const directory = fs.mkdtempSync(`${ROOT}build/readme-`);
    try {
      fs.writeFileSync(`${directory}/main.mjs`, block);
      fs.writeFileSync(
        `${directory}/sing.js`,
        'export default (who, room) => room.withPermits(() => console.log(who, room.permits));',
      );
      fs.writeFileSync(`${directory}/server`, '#!/bin/sh\nexec sleep 1000\n', { mode: 0o755 });
      const options = { cwd: directory, input: '' };
      const { status, stdout, stderr } = await rig.start(process.execPath, [`${directory}/main.mjs`], options).ended;
      expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: 'person1 4\n0\n', stderr: '' });
    } finally {
      fs.rmSync(directory, { recursive: true });
    }
  });

  test('has lines that report and watch', async () => {
    const [block = ''] = blocks('sh').filter((text) => text.includes('lockstep beat'));
    const script = rig.write('lines.sh', `set -e\n${block}`);
    const { status, stdout, stderr } = await rig.start('/bin/sh', [script], { env: equip(), input: '' }).ended;
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toMatch(/^pack-logs.sh \nNAME .*\npacker +ended .*\n\[\n/);
    expect(stdout).not.toContain('look at it');
  });

  test('has a program that reports', async () => {
    const [block = ''] = blocks('ts').filter((text) => text.includes('heartbeat('));
    expect(await runProgram(block)).toEqual({ status: 0, stdout: '', stderr: '' });
    const { stdout } = await rig.run('monitor', 'packer', '--once', '--json');
    expect(JSON.parse(stdout)).toMatchObject([{ name: 'packer', state: 'ended', everyMs: 800 }]);
  });

  test('has lines for the rest of the family', async () => {
    const [block = ''] = blocks('sh').filter((text) => text.includes('lockstep event'));
    const script = rig.write('lines.sh', `set -e\n${block}`);
    const { status, stdout, stderr } = await rig.start('/bin/sh', [script], { env: equip(), input: '' }).ended;
    expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: '0\n1\nreport.sh \n', stderr: '' });
  });

  test('has a queue, by lines and by a program', async () => {
    const [block = ''] = blocks('sh').filter((text) => text.includes('lockstep queue'));
    const env = equip();
    rig.write('resize.sh', '#!/bin/sh\necho "resized $1"\n', 0o755);
    const script = rig.write('lines.sh', `set -e\n${block}`);
    const { status, stdout } = await rig.start('/bin/sh', [script], { env, input: '' }).ended;
    expect({ status, stdout }).toEqual({ status: 0, stdout: 'resized a.jpg\nresized b.jpg\n' });
    const [program = ''] = blocks('ts').filter((text) => text.includes('new Queue<'));
    expect(await runProgram(program)).toEqual({ status: 0, stdout: 'order 7\n', stderr: '' });
  });

  test('has a crontab line, and lines that show what became of it', async () => {
    const line = blocks('crontab')[0]?.replace(/^(\S+ ){5}/, '') ?? '';
    const [look = ''] = blocks('sh').filter((text) => text.includes('lockstep jobs'));
    const env = equip();
    env.PATH = `${rig.directory}:${env.PATH}`;
    const { status, stdout, stderr } = await rig.start('/bin/sh', ['-c', `${line}${look}`], { env, input: '' }).ended;
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toMatch(/^NAME .*\nbackup .* ok .*\nSTARTED .*\n.* succeeded .*\n$/);
  });

  test('has lines that look', async () => {
    const [look = ''] = blocks('sh').filter((text) => text.includes('lockstep doctor'));
    await rig.run('run', 'deploy', '--', 'true');
    const holder = await rig.hold('deploy');
    const { status, stdout, stderr } = await rig.start('/bin/sh', ['-c', `set -e\n${look}`], {
      env: equip(),
      input: '',
    }).ended;
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toMatch(/^deploy .* holding/m);
    expect(rig.read('contention.svg')).toMatch(/^<svg /);
    await holder.letGo();
  });

  test('has a program with the rest of the family', async () => {
    const [block = ''] = blocks('ts').filter((text) => text.includes('new Barrier('));
    expect(await runProgram(block)).toEqual({ status: 0, stdout: '0 1\nexclusive\n', stderr: '' });
  });

  test('shows in its first minute a line for a shell and a program, of one lock', async () => {
    const [, , line = ''] = blocks('sh');
    const [program = ''] = blocks('ts');
    expect(README.indexOf(program)).toBeLessThan(README.indexOf('\n## '));
    const { status, stdout } = await rig.start('/bin/sh', ['-c', line], { env: equip(), input: '' }).ended;
    expect({ status, stdout }).toEqual({ status: 0, stdout: 'deploy.sh \n' });
    expect(await runProgram(program)).toMatchObject({ stdout: expect.stringMatching(/ token is \d+\n$/), stderr: '' });
    expect(await rig.store.names()).toEqual(['deploy']);
  });

  test('has a program that runs', async () => {
    const [block = ''] = blocks('ts').filter((text) => text.includes('new RWLock('));
    rig.write('ticket.json', '{"count": 5}\n');
    const { status, stdout, stderr } = await runProgram(block);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toMatch(/^deploying with token \d+\n$/);
    expect(JSON.parse(rig.read('ticket.json'))).toEqual({ count: 4 });
    expect((await rig.store.names()).sort()).toEqual(['deploy', 'index', 'ktv']);
    expect([...(await rig.entries('deploy')), ...(await rig.entries('ktv'))]).toEqual([]);
  });
});
