import fs from 'node:fs';
import { fileURLToPath } from 'node:url';

/**
 * Returns the path of a file of this package beside the module with this URL, its `import.meta.url`. Null in a bundle,
 * which has the module's code and not the files around it: callers must not rely on one.
 */
export function ownFile(url: string | undefined, name: string): string | null {
  // In a bundle of CommonJS a module may have no URL.
  if (!url?.startsWith('file:///')) return null;
  const file = fileURLToPath(new URL(name, url));
  return fs.existsSync(file) ? file : null;
}
