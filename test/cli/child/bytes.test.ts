import fs from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Rig } from '../../support/cli-rig.ts';

let rig: Rig;
beforeEach(() => {
  rig = new Rig();
});
afterEach(() => rig.end());

/** Every byte but NUL, which no argument has; with newlines at its end, which a shell would drop. */
const ALL = `$(i=1; while [ $i -le 255 ]; do printf "\\\\$(printf %o $i)"; i=$((i + 1)); done; printf '\\n\\nx')`;
const PRELUDE = `
all=${ALL}
all=\${all%x}
latin=$(printf 'caf\\351.txt')
hex() { od -An -v -tx1; }
`;

describe.each([
  ['run', 'lockstep run n --'],
  ['job', 'lockstep job n --log out --'],
  ['beat', 'lockstep beat n --'],
  ['with', 'lockstep with --daemon "exec sleep 60" --'],
])('%s', (verb, call) => {
  const through = verb === 'job' ? '; cat out' : '';

  test('hands on every byte of its arguments, between others that are text', async () => {
    const show = `'printf "%s|" "$@" | od -An -v -tx1' sh "$latin" two "$all" "" "thr ee" "$latin"`;
    const program = rig.script(`${PRELUDE} sh -c ${show} > bare; ${call} sh -c ${show}${through}`, { input: '' });
    expect((await program.ended).stderr).toBe('');
    expect(program.stdout).toBe(rig.read('bare'));
    expect(program.stdout).toContain('63 61 66 e9 2e 74 78 74');
  });

  test('hands on every byte of the environment', async () => {
    const show = `'printf "%s|%s" "$ALL" "$TEXT" | od -An -v -tx1'`;
    const script = `${PRELUDE} export ALL="$all" TEXT='plain ü'; sh -c ${show} > bare; ${call} sh -c ${show}${through}`;
    const program = rig.script(script, { input: '' });
    expect((await program.ended).stderr).toBe('');
    expect(program.stdout).toBe(rig.read('bare'));
  });
});

test('a variable that no shell passes on arrives with every byte, beside words that are no text', async () => {
  const show = `'tr "\\0" "\\n" < /proc/$$/environ | grep -a ^a.b=; printf %s "$1" | od -An -tx1' sh "$latin"`;
  const call = `env "a.b=$latin" "$NODE" "$MAIN" run n -- sh -c ${show} | od -An -c`;
  const bare = `env "a.b=$latin" perl -e 'exec { $ARGV[0] } @ARGV' sh -c ${show} | od -An -c`;
  const program = rig.script(`${PRELUDE} ${call}; echo; ${bare}`, { input: '' });
  const { stdout, stderr } = await program.ended;
  const [ours, theirs] = stdout.split('\n\n');
  expect([ours?.trim(), stderr]).toEqual([theirs?.trim(), '']);
  expect(ours).toContain('351');
});

test('a filter of `edit` gets every byte', async () => {
  rig.write('a.json', '{}');
  const filter = `sh -c 'printf "[\\"%s %s\\"]" "$(printf %s "$1" | od -An -tx1)" "$(printf %s "$L" | od -An -tx1)"' sh "$latin"`;
  const program = rig.script(`${PRELUDE} L=$latin lockstep edit a.json -- ${filter}`, { input: '' });
  expect(await program.ended).toEqual({ status: 0, stdout: '', stderr: '' });
  const bytes = '63 61 66 e9 2e 74 78 74';
  expect(rig.read('a.json')).toBe(`[" ${bytes}  ${bytes}"]`);
});

test('a name that is not UTF-8 is not taken for the one that Node would make of it', async () => {
  fs.mkdirSync(rig.path('d'));
  for (const name of [Buffer.from([0x78, 0xe9]), Buffer.from('x\ufffd')])
    fs.writeFileSync(Buffer.concat([Buffer.from(`${rig.path('d')}/`), name]), '');
  const program = rig.script(`lockstep run n -- rm "d/$(printf 'x\\351')"`, { input: '' });
  expect(await program.ended).toEqual({ status: 0, stdout: '', stderr: '' });
  expect(fs.readdirSync(rig.path('d'))).toEqual(['x\ufffd']);
});

describe('where the bytes cannot be handed on, nothing is begun, and nothing locked', () => {
  test.each([
    ['the name', `lockstep run "$latin" -- touch ran`, 'an argument of lockstep itself is not UTF-8'],
    ['the text of -c', `lockstep run n -c "touch ran # $latin"`, 'an argument of lockstep itself is not UTF-8'],
    ['the store', `LOCKSTEP_DIR=$latin lockstep run n -- touch ran`, 'variable LOCKSTEP_DIR is not UTF-8'],
    ['the file of edit', `lockstep edit "$latin" -- touch ran`, 'an argument of lockstep itself is not UTF-8'],
    ['a daemon', `lockstep with --daemon "touch ran # $latin" -- true`, 'an argument of lockstep itself is not UTF-8'],
  ])('%s', async (_, call, message) => {
    rig.write('a.json', '{}');
    const { status, stderr } = await rig.script(`${PRELUDE} ${call}`, { input: '' }).ended;
    expect(status).toBe(64);
    expect(stderr).toContain(message);
    expect(rig.exists('ran')).toBe(false);
    expect(await rig.entries('n')).toEqual([]);
  });
});
