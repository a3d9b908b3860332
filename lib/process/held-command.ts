/** The descriptor on which a held command waits for a line. */
export const GO_FD = 3;

/**
 * Waits for a line on descriptor 3, then becomes the command: same pid, same start time. If whoever should
 * send it is gone, it never starts. Words are handed on as they are, never parsed again.
 */
const WAIT_FOR_GO = `read -r _ <&${GO_FD} || exit 125; exec "$@" ${GO_FD}<&-`;
/** A POSIX shell keeps only those variables of the environment whose names could be its own. */
const SHELL_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

/**
 * A command's words behind a shell that holds it until it gets a line on descriptor 3: so that whoever
 * starts it can first write down that it is there. Killed before that, its starter leaves nothing running.
 */
export function heldCommand(words: readonly string[], env: NodeJS.ProcessEnv): [file: string, args: string[]] {
  return ['/bin/sh', ['-c', WAIT_FOR_GO, 'lockstep', ...wrapped(words, env)]];
}

/**
 * What the shell in between would drop or misread goes round it through `env`: variables like `a.b` and
 * exported bash functions, and a command that begins with `-`, which some shells' `exec` takes for an option.
 */
function wrapped(words: readonly string[], env: NodeJS.ProcessEnv): readonly string[] {
  const odd = Object.entries(env).filter(
    ([name, value]) => !SHELL_NAME.test(name) && name !== '' && value !== undefined,
  );
  // `env` would take a command with `=` in its name for one more variable.
  if (words[0]?.includes('=') || (odd.length === 0 && !words[0]?.startsWith('-'))) return words;
  return ['/usr/bin/env', '--', ...odd.map(([name, value]) => `${name}=${value}`), ...words];
}
