import { MisuseError } from '../errors.ts';

/**
 * Loads a package that only programs with a certain server need. Not by a name that a bundler could follow: it would be missing where
 * it is not needed.
 *
 * @throws {MisuseError} (rejects) that states what to install
 */
export async function loadPackage<T>(name: string): Promise<T> {
  try {
    const module = (await import(name)) as { default?: T } & T;
    // Some are CommonJS, whose exports are in `default` only.
    return { ...module.default, ...module } as T;
  } catch (error) {
    if (!/MODULE_NOT_FOUND$/.test((error as NodeJS.ErrnoException).code ?? '')) throw error;
    // Of `mysql2/promise` the package is `mysql2`.
    const [pack] = name.split('/');
    throw new MisuseError(`the package ${pack} is needed for that, and is not installed here: npm install ${pack}`);
  }
}
