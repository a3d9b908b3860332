import fs from 'node:fs';

const { exports } = JSON.parse(fs.readFileSync(new URL('package.json', import.meta.url), 'utf8'));

/** The entries that `package.json` exports, by their files in `lib/`: `index`, `jobs/index` and so on. */
export const ENTRIES = Object.values(exports).flatMap(
  (entry) => /lib\/(.*)\.js$/.exec(entry.default?.default)?.[1] ?? [],
);
