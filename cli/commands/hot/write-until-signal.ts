import type { HotCounter } from '../../../lib/hot/index.ts';
import { WaitNotice } from '../../access/wait-notice.ts';
import { Exit, say } from '../../output/exit.ts';
import { messageWithRemedy } from '../../output/remedies.ts';
import { jsonText } from '../../text/escape.ts';

const STATUS = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

/** Writes back until a signal ends it, after a last transaction. The exit code is that of the signal. */
export async function writeUntilSignal(counter: HotCounter, everyMs: number, json: boolean): Promise<void> {
  const ends = new AbortController();
  let code: number | null = null;
  const listeners = Object.entries(STATUS).map(([name, status]) => {
    const listener = () => {
      code = status;
      ends.abort();
    };
    process.on(name, listener);
    return () => process.off(name, listener);
  });
  /** One that goes on is said once. */
  let trouble = '';
  // Until it writes it stands by for the writer of another process.
  const notice = WaitNotice.begin(() => counter.writers);
  try {
    await counter.writeBack({
      everyMs,
      signal: ends.signal,
      onWritten: (state) => {
        trouble = '';
        notice.end();
        if (json) process.stdout.write(`${jsonText({ time: new Date().toISOString(), ...state })}\n`);
      },
      onTrouble: (error) => {
        const message = messageWithRemedy(error);
        notice.end();
        if (message !== trouble) say(`${message} It goes on trying.`);
        trouble = message;
      },
    });
  } finally {
    notice.end();
    for (const remove of listeners) remove();
  }
  if (code !== null) throw new Exit(code);
}
