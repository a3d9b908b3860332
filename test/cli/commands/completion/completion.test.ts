import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { Counter, Event, Lock, openStore } from 'lockstep';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Program, Rig, until } from '../../../support/cli-rig.ts';

const SHELLS = ['bash', 'zsh', 'fish'] as const;
type Shell = (typeof SHELLS)[number];

function isThere(command: string, ...args: string[]): boolean {
  return spawnSync(command, args.length > 0 ? args : ['--version']).status === 0;
}

const hasTerminal = process.platform === 'linux' && isThere('script');

/** What a shell gets wrong that evaluates a name, splits it, or does not quote it. */
const AWKWARD = [
  'my name',
  'team:db',
  'team/db',
  'evil$(touch PWNED)',
  'tick`touch PWNED`',
  '; touch PWNED;',
  '& touch PWNED',
  `quo"te'd`,
  'back\\slash',
  'star*',
  '~home',
  '$HOME',
  'a=b',
  'bang!bang',
  'brace{a,b}',
  '#hash',
  'é ☃',
  '<(touch PWNED)',
];

let rig: Rig;
let PATH: string;
beforeEach(() => {
  rig = new Rig();
  fs.mkdirSync(rig.path('bin'));
  rig.write('bin/lockstep', '#!/bin/sh\nexec "$NODE" "$MAIN" "$@"\n', 0o755);
  PATH = `${rig.path('bin')}:${process.env.PATH}`;
});
afterEach(() => rig.end());

function use(...names: string[]): Promise<void> {
  return useIn(rig.storePath, ...names);
}

async function useIn(directory: string, ...names: string[]): Promise<void> {
  const store = openStore(directory);
  for (const name of names) await new Lock(name, { store }).withLock(() => undefined);
}

async function asked(...words: string[]): Promise<string[]> {
  const { stdout, stderr, status } = await rig.run('completion', 'zsh', '--', 'lockstep', ...words);
  expect({ stderr, status }).toEqual({ stderr: '', status: 0 });
  return stdout.split('\n').slice(0, -1);
}

async function values(...words: string[]): Promise<string[]> {
  const [kind, ...lines] = await asked(...words);
  expect(kind).toBe('words');
  return lines.map((line) => line.split('\t')[0] as string);
}

describe('what may come next', () => {
  test('at first is every verb that help names', async () => {
    const help = (await rig.run('--help')).stdout;
    const verbs = [...(help.split('Options:')[0] ?? '').matchAll(/^ {2}lockstep ([a-z]+) /gm)].map(([, verb]) => verb);
    expect(verbs.length).toBeGreaterThan(14);
    // Help has them in groups.
    expect((await values('')).sort()).toEqual(verbs.sort());
  });

  // The manual has each option that help has: its own test looks.
  test('behind a verb and a dash is every option that the manual names, and help', { timeout: 60_000 }, async () => {
    const page = (await rig.run('man')).stdout.replaceAll('\\-', '-');
    for (const verb of await values('')) {
      const section = page.split(`\n.SS "lockstep ${verb}"\n`)[1]?.split(/^\.S[SH] /m)[0] ?? '';
      const terms = [...section.matchAll(/^\.TP\n\\fB(-.*?)( [A-Z]+)?\\fR$/gm)].map(([, term = '']) => term);
      const named = [...terms.flatMap((term) => term.split(', ')), '--help', '-h', '--version', '-V'].sort();
      expect([verb, (await values(verb, '-')).sort()]).toEqual([verb, named]);
    }
  });

  test('is the names in the store, of the kind that the verb takes', async () => {
    await use('deploy', 'backup');
    await new Event('ready', { store: rig.store }).set();
    await new Counter('build', { store: rig.store }).add(1);
    for (const verb of ['run', 'acquire', 'release']) expect(await values(verb, '')).toEqual(['backup', 'deploy']);
    for (const verb of ['status', 'wait', 'break'])
      expect(await values(verb, '')).toEqual(['backup', 'build', 'deploy', 'ready']);
    expect(await values('event', '')).toEqual(['set', 'clear', 'wait']);
    expect(await values('event', 'set', '')).toEqual(['ready']);
    expect(await values('counter', '')).toEqual(['build']);
    expect(await values('status', 'deploy', '')).toContain('backup');
    expect(await asked('run', 'de')).toContain('backup\tlock');
  });

  test('is the reporters for those who watch them', async () => {
    const beat = rig.lockstep(['beat', 'packer']);
    await until('it reports', () => rig.exists('store/beats/packer'));
    expect(await values('monitor', '')).toEqual(['packer']);
    beat.kill('SIGTERM');
  });

  test('is a file or a directory where one is meant, and a choice where there is one', async () => {
    expect(await asked('run', '-f', '')).toEqual(['files']);
    expect(await asked('status', '--file', '')).toEqual(['files']);
    expect(await asked('status', '--file=x')).toEqual(['files']);
    expect(await asked('run', '-nf', '')).toEqual(['files']);
    expect(await asked('edit', '')).toEqual(['files']);
    expect(await asked('run', '--dir', '')).toEqual(['directories']);
    expect(await values('demo', '')).toContain('tickets');
    expect(await values('completion', '')).toEqual(['bash', 'zsh', 'fish']);
    expect(await asked('run', '-w', '')).toEqual(['nothing']);
  });

  test('is the words of the command behind --, where a verb has one', async () => {
    expect(await values('run', 'deploy', '')).toEqual(['--']);
    expect(await asked('run', 'deploy', '--', '')).toEqual(['command']);
    expect(await asked('run', 'deploy', '--', 'sh', '--', '')).toEqual(['command']);
    expect(await asked('status', '--', '')).toEqual(['nothing']);
  });

  test('is in the store that the line names', async () => {
    await use('here');
    await rig.run('run', 'there', '--dir', 'other', '--', 'true');
    expect(await values('run', '--dir', rig.path('other'), '')).toEqual(['there']);
    expect(await values('run', `--dir=${rig.path('other')}`, '')).toEqual(['there']);
    expect(await values('run', '')).toEqual(['here']);
  });

  test('is nothing, silently, in a store that is not there, cannot be read or is not to be trusted', async () => {
    expect(await values('run', '')).toEqual([]);
    expect(rig.exists('store')).toBe(false);
    await use('deploy');
    fs.chmodSync(rig.storePath, 0o777);
    expect(await asked('run', '')).toEqual([]);
    fs.chmodSync(rig.storePath, 0o700);
    fs.writeFileSync(rig.path('store/resources/deploy/journal.2'), 'no journal');
    expect(await values('run', '')).toEqual(['deploy']);
  });

  test('changes nothing in an empty directory, whatever the environment asks of a store', async () => {
    fs.mkdirSync(rig.storePath, { mode: 0o700 });
    const words = ['completion', 'zsh', '--', 'lockstep', 'run', ''];
    await rig.lockstep(words, { input: '', env: { LOCKSTEP_GUARDED: '1', LOCKSTEP_SHARED: '1' } }).ended;
    expect(fs.readdirSync(rig.storePath)).toEqual([]);
  });

  test('has no name that begins like an option, nor one with control characters', async () => {
    await use('-rf', 'two\nlines', 'tab\there', 'plain');
    expect(await values('run', '')).toEqual(['plain']);
  });
});

/** A terminal with a shell in it, in which `see` is completed as `lockstep` is, and shows its words. */
class Terminal {
  readonly #program: Program;
  readonly #shell: Shell;

  constructor(shell: Shell) {
    this.#shell = shell;
    const commands = { bash: 'bash --norc --noprofile -i', zsh: 'zsh -f -i', fish: 'fish --no-config --private -i' };
    this.#program = rig.start('script', ['-qfec', commands[shell], '/dev/null'], {
      env: { PATH, TERM: 'dumb', LC_ALL: 'C.UTF-8', HOME: rig.directory, PS1: '', PROMPT: '', HISTFILE: '' },
    });
  }

  async prepare(...more: string[]): Promise<void> {
    const lines = {
      bash: ['bind "set enable-bracketed-paste off"', `see() { printf 'word<%s>\\n' "$@"; echo "se""en"; }`],
      zsh: ['autoload -Uz compinit; compinit -u -D', `see() { print -rl -- "word<"$^@">"; echo "se""en"; }`],
      fish: ['function see; printf "word<%s>\\n" $argv; echo "se""en"; end'],
    }[this.#shell];
    const { stdout } = await rig.run('completion', this.#shell);
    rig.write(`completion.${this.#shell}`, stdout);
    const also = { bash: 'complete -F _lockstep see', zsh: 'compdef _lockstep see', fish: FISH_SEE }[this.#shell];
    rig.write(
      `setup.${this.#shell}`,
      [...lines, `source '${rig.path(`completion.${this.#shell}`)}'`, also, ...more].join('\n'),
    );
    this.#program.write(`source '${rig.path(`setup.${this.#shell}`)}'; echo "re""ady"\r`);
    await this.#program.says(/^ready/m);
  }

  /** Types it, with TAB at its end, and runs what the line then is. Returns the words that the command was given. */
  async words(typed: string): Promise<string[]> {
    const from = this.#program.stdout.length;
    const count = this.#program.stdout.split('\nseen').length;
    this.#program.write(`${typed}\t\r`);
    await until(`${typed} was run`, () => this.#program.stdout.split('\nseen').length > count);
    return [...this.#program.stdout.slice(from).matchAll(/^word<(.*)>\r?$/gm)].map(([, word = '']) => word);
  }

  async end(): Promise<void> {
    this.#program.write('exit\r');
    await this.#program.exited();
  }
}

const FISH_SEE = "complete -c see -f -a '(__lockstep_complete)'";

describe.each(SHELLS)('%s, in a terminal', (shell) => {
  const isRun = hasTerminal && isThere(shell);

  test.skipIf(!isRun)('completes verbs, options and names', { timeout: 60_000 }, async () => {
    await use('deploy');
    const terminal = new Terminal(shell);
    await terminal.prepare();
    expect(await terminal.words('see acq')).toEqual(['acquire']);
    expect(await terminal.words('see run --conf')).toEqual(['run', '--conflict-exit-code']);
    expect(await terminal.words('see run dep')).toEqual(['run', 'deploy']);
    expect(await terminal.words('see event cle')).toEqual(['event', 'clear']);
    rig.write('a file.json', '{}');
    fs.mkdirSync(rig.path('some directory'));
    expect(await terminal.words('see edit a')).toEqual(['edit', 'a file.json']);
    expect(await terminal.words('see run -f a')).toEqual(['run', '-f', 'a file.json']);
    expect(await terminal.words('see run --file=a')).toEqual(['run', '--file=a file.json']);
    expect(await terminal.words('see run --dir so')).toEqual([
      'run',
      '--dir',
      expect.stringMatching(/^some directory\/?$/),
    ]);
    expect(await terminal.words('see run x -- basena')).toEqual(['run', 'x', '--', 'basename']);
    expect(await terminal.words('see run x -n -- basena')).toEqual(['run', 'x', '-n', '--', 'basename']);
    expect(await terminal.words('see run x -- cat a')).toEqual(['run', 'x', '--', 'cat', 'a file.json']);
    await terminal.end();
  });

  test.skipIf(!isRun)(
    'inserts any name so that it is one word, and evaluates nothing of it',
    { timeout: 120_000 },
    async () => {
      const terminal = new Terminal(shell);
      await use(...AWKWARD);
      await terminal.prepare();
      for (const name of AWKWARD) {
        // Alone in a store it needs no beginning, which for most of these is not safe to type.
        const store = rig.path(`store-${AWKWARD.indexOf(name)}`);
        await useIn(store, name);
        expect(await terminal.words(`see run --dir='${store}' `)).toEqual(['run', `--dir=${store}`, name]);
      }
      // With a letter in front, what shells look for at the beginning of a word is not what makes them quote.
      const behind = AWKWARD.filter((name) => /^[~#$]/.test(name));
      for (const name of behind) {
        const store = rig.path(`behind-${AWKWARD.indexOf(name)}`);
        await useIn(store, `x${name}`);
        expect(await terminal.words(`see run --dir='${store}' x`)).toEqual(['run', `--dir=${store}`, `x${name}`]);
      }
      expect(await terminal.words('see run my\\ n')).toEqual(['run', 'my name']);
      expect(await terminal.words('see run "my n')).toEqual(['run', 'my name']);
      expect(await terminal.words("see run 'evil")).toEqual(['run', 'evil$(touch PWNED)']);
      expect(await terminal.words('see run team:')).toEqual(['run', 'team:db']);
      expect(rig.exists('PWNED')).toBe(false);
      await terminal.end();
    },
  );
});

const BASH_COMPLETION = '/usr/share/bash-completion/bash_completion';

// Where bash-completion is not installed, there is nothing to hand the command's words to.
test.skipIf(!hasTerminal || !fs.existsSync(BASH_COMPLETION))(
  'bash-completion completes the command behind -- as it would complete it alone',
  { timeout: 60_000 },
  async () => {
    const terminal = new Terminal('bash');
    await terminal.prepare(
      `source ${BASH_COMPLETION}`,
      'cmd_words() { COMPREPLY=("$COMP_WORDS-$COMP_CWORD"); }',
      'complete -F cmd_words cmd',
    );
    expect(await terminal.words('see run team:db -n -- cmd a ')).toEqual('run team:db -n -- cmd a cmd-2'.split(' '));
    expect(await terminal.words('see run x -- basena')).toEqual(['run', 'x', '--', 'basename']);
    await terminal.end();
  },
);
