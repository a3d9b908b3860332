import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

/**
 * Variables that people and runners of tests set for their own programs. They change the words that programs print, or the place where
 * they look, so a test would not find what it expects. A test that is about one of these sets it itself.
 */
const FOREIGN = [
  // Ours, except those by which people choose what of the tests runs.
  /^LOCKSTEP_(?!TESTS$|TEST_RUN$|RUNS$|SIMULATION$|FUZZ$|SEED$|BENCH)/,
  // Colours, also in a pipe: many programs have them where `CI` is set.
  /^(CI|GITHUB_ACTIONS|GITLAB_CI|FORCE_COLOR|NO_COLOR|NODE_DISABLE_COLORS|CLICOLOR|CLICOLOR_FORCE|GREP_COLORS?|LS_COLORS|npm_config_color)$/,
  // How much npm says.
  /^npm_config_(loglevel|progress|timing)$/i,
  // Options of every Node that a test starts.
  /^NODE_(OPTIONS|COMPILE_CACHE|DISABLE_COMPILE_CACHE)$/,
  // The size of a terminal, where there is none; and who shows long texts.
  /^(COLUMNS|LINES|PAGER|MANPAGER|LESS)$/,
  // The language, and options that come in another order.
  /^(LANG|LANGUAGE|LC_.*|POSIXLY_CORRECT)$/,
  // What shells run before their script.
  /^(BASH_ENV|ENV|SHELLOPTS|BASHOPTS|CDPATH)$/,
  // A store of the user.
  /^XDG_(STATE_HOME|RUNTIME_DIR|CONFIG_HOME|DATA_HOME)$/,
  // The servers of the tests have addresses and users of their own.
  /^(ETCDCTL_|ETCD_|PG|MYSQL_|REDISCLI_)/,
];

/** Programs that tell characters by the language have all of them, and a terminal can move its cursor. (The time zone is left: tests hold in any.) */
const OWN = { LANG: 'C.UTF-8', TERM: 'xterm' };

/**
 * vitest's global setup: every process of this test run has the same environment, whoever runs it; and what the command line keeps
 * for its later calls goes into a directory of this test run, and not into the user's. So all its calls in a test, except the first
 * ones, run the kept code, as a user's do.
 */
export default function setup(): () => void {
  for (const name of Object.keys(process.env)) {
    if (FOREIGN.some((pattern) => pattern.test(name))) delete process.env[name];
  }
  // Scripts of the pages are run with paths of a test in place of `/srv`: unquoted, as people write them.
  if (/[^\w./:\\-]/.test(os.tmpdir())) process.env.TMPDIR = '/tmp';
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'lockstep-cache-'));
  Object.assign(process.env, OWN, { XDG_CACHE_HOME: directory });
  return () => fs.rmSync(directory, { recursive: true });
}
