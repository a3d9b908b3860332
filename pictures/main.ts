import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Scene } from './scene.ts';
import { terminalPicture } from './terminal.ts';

// `npm run picture` runs a busy quarter of a minute with real processes, and draws it anew for the documentation:
// docs/timeline.svg, docs/status.svg and docs/jobs.svg. Each run has other times and pids; the rest is the same.

/** What stands in the pictures in place of the temporary directory. */
const PLACE = '/var/lib/shop';
const DOCS = fileURLToPath(new URL('../../docs/', import.meta.url));

const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'lockstep-picture-'));
const scene = new Scene(directory);
try {
  const { status, jobs } = await scene.play();
  write('status.svg', terminalPicture('lockstep status', status));
  write('jobs.svg', terminalPicture('lockstep jobs', jobs));
  write('timeline.svg', await scene.timeline());
} finally {
  await scene.end();
  fs.rmSync(directory, { recursive: true, force: true });
}

function write(name: string, text: string): void {
  fs.writeFileSync(path.join(DOCS, name), text.replaceAll(scene.store, PLACE));
  process.stdout.write(`docs/${name}\n`);
}
