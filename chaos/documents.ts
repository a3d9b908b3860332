import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import type { JsonFile, Lease } from 'lockstep';
import { type Document, documentOf, flawOf } from './document.ts';
import type { Random } from './random.ts';
import { refusalOf } from './refusal.ts';

const AGAIN_MS = 10;

/** The result of an operation. */
export interface Outcome {
  value: number;
  /** An error after it was done. */
  error?: unknown;
}

/**
 * Writes the next document of a file. Resolves to its count, and to the error if one occurred after the file was
 * replaced: that can be determined while the lock is still held. `onFlaw`: the file was not a whole document before.
 */
export async function updateLocked(file: JsonFile<Document>, onFlaw: () => void): Promise<Outcome> {
  let held: Lease | undefined;
  let mine = 0;
  try {
    await file.update((document, lease) => {
      held = lease;
      if (flawOf(document) !== null) onFlaw();
      mine = document.count + 1;
      Object.assign(document, documentOf(mine));
    });
    return { value: mine };
  } catch (error) {
    if (!held?.held) throw error;
    const found = await file.read().catch(() => null);
    await releaseAgain(held);
    if (found?.count !== mine) throw error;
    return { value: mine, error };
  }
}

/** The lock stays held if its release could not be written. */
async function releaseAgain(lease: Lease): Promise<void> {
  for (;;) {
    try {
      return await lease.release();
    } catch (error) {
      if (refusalOf(error) !== 'STORE_FULL') throw error;
      await delay(AGAIN_MS);
    }
  }
}

/** Broken on purpose: without the lock. */
export async function updateUnlocked(path: string): Promise<Outcome> {
  const value = countIn(path) + 1;
  await delay(2);
  replace(path, JSON.stringify(documentOf(value)));
  return { value };
}

/** Broken on purpose: under the lock, but replaces the file by a part of the document, which may or may not be JSON. */
export async function updateInPart(path: string, file: JsonFile<Document>, random: Random): Promise<Outcome> {
  return file.lock.withLock(() => {
    const whole = documentOf(countIn(path) + 1);
    const text = JSON.stringify(whole);
    const fewer = { ...whole, rows: whole.rows.slice(random.whole(1, whole.rows.length)) };
    replace(path, random.chance(0.5) ? JSON.stringify(fewer) : text.slice(0, random.whole(20, text.length - 1)));
    return { value: whole.count };
  });
}

/** Works for a part of a document too: its count comes first. */
function countIn(path: string): number {
  return Number(/"count":(\d+)/.exec(readFileSync(path, 'utf8'))?.[1] ?? 0);
}

function replace(path: string, text: string): void {
  const draft = `${path}.${process.pid}`;
  writeFileSync(draft, text);
  renameSync(draft, path);
}
