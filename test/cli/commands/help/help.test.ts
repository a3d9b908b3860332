import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { MAIN, Rig } from '../../../support/cli-rig.ts';

let rig: Rig;
beforeEach(() => {
  rig = new Rig();
});
afterEach(() => rig.end());

const VERBS = [
  'run',
  'job',
  'jobs',
  'acquire',
  'release',
  'status',
  'history',
  'timeline',
  'top',
  'wait',
  'break',
  'forget',
  'edit',
  'event',
  'barrier',
  'counter',
  'hot',
  'queue',
  'with',
  'beat',
  'monitor',
  'demo',
  'doctor',
  'completion',
  'man',
  'help',
];

describe('--help', () => {
  test.each(VERBS)('of %s has an example', async (verb) => {
    const { status, stdout, stderr } = await rig.run(verb, '--help');
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const [, examples] = stdout.split('Examples:\n');
    expect(examples).toMatch(new RegExp(`lockstep ${verb} `));
    expect(stdout).toMatch(new RegExp(`^lockstep ${verb} `));
  });

  test('of lockstep itself names every verb, and the exit codes', async () => {
    const { status, stdout } = await rig.run('--help');
    expect(status).toBe(0);
    for (const verb of VERBS) expect(stdout).toMatch(new RegExp(`^ +lockstep ${verb} `, 'm'));
    expect(stdout).toMatch(/75 not acquired/);
  });

  test('touches no store', async () => {
    await rig.run('status', '--help');
    await rig.run('--version');
    expect(rig.exists('store')).toBe(false);
  });
});

test.each(['status', 'acquire', 'release', 'wait', 'break', 'monitor', 'demo'])(
  '%s runs no command, and says so instead of passing over what is behind --',
  async (verb) => {
    const args = { demo: ['order'], status: [], monitor: ['--once'] }[verb] ?? ['n'];
    const { status, stdout, stderr } = await rig.run(verb, ...args, '--', 'true');
    expect({ status, stdout }).toEqual({ status: 64, stdout: '' });
    expect(stderr).toBe(
      `lockstep: ${verb} takes no command: omit -- and the words behind it\nlockstep: see \`lockstep ${verb} --help\`\n`,
    );
    expect((await rig.run(verb, '--help', '--', 'true')).status).toBe(0);
  },
);

test('without a verb, the verbs are named', async () => {
  const { status, stderr } = await rig.run();
  expect(status).toBe(64);
  expect(stderr).toContain(`missing verb: ${VERBS.slice(0, -1).join(', ')} or ${VERBS.at(-1)}`);
});

test.each([
  ['jbo', 'unknown verb jbo: did you mean job?'],
  ['edit', 'missing FILE: lockstep edit FILE.json [options] -- FILTER [ARG…]'],
  ['completion', 'missing SHELL (bash, zsh, fish): lockstep completion bash|zsh|fish'],
  ['run', 'missing NAME (or --file FILE): lockstep run NAME [options] -- CMD [ARG…]'],
  ['acquire', 'missing NAME (or --file FILE): lockstep acquire NAME --pid [PID] [options]'],
  ['event', 'missing ACTION (set, clear, wait) and NAME: lockstep event set|clear|wait NAME [options]'],
  [
    'hot',
    'missing NAME: lockstep hot NAME --load N | --take N --id ID | --flush | --write-back | --status | --rebuild [options]',
  ],
  ['counter', 'missing NAME: lockstep counter NAME [+N|-N], or lockstep counter NAME --take N [--floor F] [--id ID]'],
])('%s alone says what is missing: %s', async (verb, message) => {
  const { status, stdout, stderr } = await rig.run(verb);
  expect({ status, stdout }).toEqual({ status: 64, stdout: '' });
  const verbs = VERBS.includes(verb) ? `${verb} ` : '';
  expect(stderr).toBe(`lockstep: ${message}\nlockstep: see \`lockstep ${verbs}--help\`\n`);
});

test.each([
  [['run', 'n', './deploy.sh', 'now'], 'a command goes behind --, as in: lockstep run … -- ./deploy.sh now', 'run '],
  [['history', 'n', 'm'], 'unexpected argument: m', 'history '],
  [['history', 'n', 'b', 'c', 'd'], 'unexpected arguments: b c d', 'history '],
  [['status', '--frob'], 'unknown option --frob', 'status '],
  [['wait'], 'missing NAME (or --file FILE): lockstep wait NAME [options]', 'wait '],
  [['run', 'n', 'df', '-h'], 'a command goes behind --, as in: lockstep run … -- df -h', 'run '],
  [['status', '--jsno'], 'unknown option --jsno: did you mean --json?', 'status '],
  [['run', 'n', '-timeout', '5', '--', 'true'], 'unknown option -timeout: did you mean --timeout?', 'run '],
  [['help', 'stauts'], 'unknown verb stauts: did you mean status?', ''],
  [['wait', 'n', '-E', '256'], '--conflict-exit-code must be a whole number from 0 to 255, not 256', 'wait '],
  [['edit', 'a.json', '-n', '-w', '1s', '--', 'cat'], '--nonblock and --wait exclude each other', 'edit '],
  [['zzzzzzzz', 'n'], 'unknown verb zzzzzzzz', ''],
  [['status', '--what-is-this', '-z'], 'unknown options --what-is-this, -z', 'status '],
  [['run', 'n', '-w'], '-w needs a value', 'run '],
  [['event', 'sett', 'n'], 'ACTION must be one of "set", "clear", "wait", not "sett"', 'event '],
  [
    ['job', 'n', '--overlap', 'maybe', '--', 'true'],
    '--overlap must be one of "skip", "wait", "replace", not "maybe"',
    'job ',
  ],
])('%j: %s', async (words, message, verb) => {
  const { status, stdout, stderr } = await rig.run(...words);
  expect({ status, stdout }).toEqual({ status: 64, stdout: '' });
  expect(stderr).toBe(`lockstep: ${message}\nlockstep: see \`lockstep ${verb}--help\`\n`);
});

test('--version and -V are a version, also behind a verb', async () => {
  for (const words of [['--version'], ['-V'], ['run', '-V']])
    expect(await rig.run(...words)).toEqual({
      status: 0,
      stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/),
      stderr: '',
    });
});

test('-h, and help before the verb, show what --help shows', async () => {
  const help = await rig.run('counter', '--help');
  expect(help.stdout).toMatch(/^ +-h, --help +Show help/m);
  expect(await rig.run('counter', '-h')).toEqual(help);
  expect(await rig.run('help', 'counter')).toEqual(help);
  const general = await rig.run('--help');
  expect(await rig.run('-h')).toEqual(general);
  expect(await rig.run('help')).toEqual(general);
});

test('a resource may be called help or version', async () => {
  for (const name of ['help', 'version'])
    expect(await rig.run('run', name, '--', 'echo', 'in')).toEqual({ status: 0, stdout: 'in\n', stderr: '' });
  expect((await rig.run('status', 'help')).stdout).toMatch(/^help +lock +free/m);
});

test('-h and -V behind -- are the command’s own', async () => {
  expect((await rig.run('run', 'n', '--', 'echo', '-h', '-V', '--help')).stdout).toBe('-h -V --help\n');
});

describe('an option of flock, timeout or a shell’s getopt means the same here:', () => {
  test.each([
    ['a value glued to its letter', ['-w5m', '-t10m'], 0],
    ['letters behind one dash, the last one with a glued value', ['-qvw1h30m'], 0],
    ['--nonblocking', ['--nonblocking'], 0],
    ['-t 0: no limit', ['-t', '0', '--signal', 'INT'], 0],
    ['a text glued to its letter', [`-cexit 3`], 3],
  ])('%s', async (_, options, status) => {
    const command = options.some((word) => word.startsWith('-c')) ? [] : ['--', 'true'];
    expect((await rig.run('run', 'n', ...options, ...command)).status).toBe(status);
  });
});

test('everything works under cron: no terminal, no HOME, hardly a PATH', async () => {
  rig.write('a.json', '{"count":5}\n');
  const script = rig.write(
    'job.sh',
    `set -e
    lockstep() { '${process.execPath}' '${MAIN}' "$@"; }
    lockstep run job --dir store -n -- sh -c 'echo "ran $LOCKSTEP_NAME, HOME=$HOME"'
    token=$(lockstep acquire job --dir store --pid $$)
    lockstep status --dir store | cut -d ' ' -f 1
    lockstep run job --dir store -n -q -- echo never || echo "run: $?"
    lockstep wait job --dir store -w 0 2>/dev/null || echo "wait: $?"
    lockstep release job --dir store --token "$token"
    lockstep wait job --dir store && echo free
    lockstep edit a.json -- sed s/5/4/
    lockstep break job --dir store 2>&1
    cat a.json`,
  );
  const program = rig.start('/usr/bin/env', ['-i', 'PATH=/usr/bin:/bin', 'sh', script], { input: '' });
  expect(await program.ended).toEqual({
    status: 0,
    stdout: 'ran job, HOME=\nRESOURCE\njob\nrun: 75\nwait: 75\nfree\nlockstep: job: nothing to break\n{"count":4}\n',
    stderr: '',
  });
});

test('a directory that was deleted stops nobody that does not need it, and one that does gets an error', async () => {
  const script = rig.script(
    `mkdir gone && cd gone && rmdir ../gone
    lockstep run n -- echo in
    for verb in 'run n --dir rel -- echo' 'job n --dir rel -- echo' status jobs 'doctor' 'history n'; do
      case $verb in *--*) set -- $verb;; *) set -- $verb --dir rel;; esac
      lockstep "$@" || echo "$1: $?"
    done`,
    { input: '' },
  );
  const { stdout, stderr } = await script.ended;
  expect(stdout).toBe('in\nrun: 74\njob: 74\nstatus: 74\njobs: 74\ndoctor: 74\nhistory: 74\n');
  const message =
    'lockstep: cannot find rel: its path is relative, and the working directory has been deleted. Give an absolute path.\n';
  // Some shells tell it too.
  expect(stderr.replace(/^sh: .*getcwd.*\n/gm, '')).toBe(
    `${message}lockstep: n: the command did not begin, because its run could not be recorded:\n${message.repeat(5)}`,
  );
});

test('a reader of the output that has gone is no disaster', async () => {
  const { status, stderr } = await rig.script('lockstep --help | true; lockstep status --all | true; echo done', {
    input: '',
  }).ended;
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
});
