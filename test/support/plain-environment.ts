/** Our environment without what a test has set for itself, and what vitest tells its workers by. */
export function plainEnvironment(): NodeJS.ProcessEnv {
  const { VITEST: _vitest, LOCKSTEP_DIR: _directory, ...rest } = process.env;
  return rest;
}
