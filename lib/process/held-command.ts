import { restoring, type Undecoded } from './undecoded.ts';

/** The descriptor on which a held command waits for a line. */
export const GO_FD = 3;

/**
 * Waits for a line on descriptor 3, then becomes the command: same pid, same start time. If the starter is gone, the line
 * never comes, and the command never starts. The words are passed on unchanged, never parsed again.
 */
const WAIT_FOR_GO = `read -r _ <&${GO_FD} || exit 125; exec "$@" ${GO_FD}<&-`;
/** A POSIX shell passes on only environment variables whose names are valid in a shell. */
const SHELL_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

/**
 * Returns a command line that holds the command behind a shell, until a line comes on descriptor 3. So the starter can
 * record the process before the command begins, and leaves nothing running if it is killed before that.
 */
export function heldCommand(
  words: readonly string[],
  env: NodeJS.ProcessEnv,
  undecoded?: Undecoded,
): [file: string, args: string[]] {
  const given = wrapped(words, env);
  const restored = undecoded ? restoring(undecoded, given.length) : '';
  return ['/bin/sh', ['-c', restored + WAIT_FOR_GO, 'lockstep', ...given]];
}

/** Whether a shell passes on an environment variable with this name. */
export function isShellName(name: string): boolean {
  return SHELL_NAME.test(name);
}

/**
 * Passes through `env` what the shell would drop or misread: variables like `a.b` and exported bash functions, and a command
 * that begins with `-`, which some shells' `exec` takes for an option.
 */
function wrapped(words: readonly string[], env: NodeJS.ProcessEnv): readonly string[] {
  const odd = Object.entries(env).filter(
    ([name, value]) => !SHELL_NAME.test(name) && name !== '' && value !== undefined,
  );
  // `env` would take a command with `=` in its name for one more variable.
  if (words[0]?.includes('=') || (odd.length === 0 && !words[0]?.startsWith('-'))) return words;
  return ['/usr/bin/env', '--', ...odd.map(([name, value]) => `${name}=${value}`), ...words];
}
