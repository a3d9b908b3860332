import { setTimeout as delay } from 'node:timers/promises';
import { nowMs } from './life.ts';
import { describe, refusalOf } from './refusal.ts';
import type { Report } from './worker-setup.ts';

/** Does a task. An error is reported, as a refusal or as wrong; then the worker pauses for so long. Never rejects. */
export async function attempt(
  task: string,
  work: (() => Promise<unknown>) | undefined,
  report: Report,
  pauseMs: number,
): Promise<void> {
  try {
    await work?.();
  } catch (error) {
    const code = refusalOf(error);
    if (code === null) report({ is: 'wrong', what: `${task}: ${describe(error)}` });
    else report({ is: 'refused', code, atMs: nowMs(), message: String(error) });
    await delay(pauseMs);
  }
}
