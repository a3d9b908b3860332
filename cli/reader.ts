import { messageOf } from '../lib/errno.ts';
import { EXIT, say } from './failure.ts';

/** Ends this process when nobody reads its output any more: who has seen enough has not failed. */
export function endWithReader(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(EXIT.ok);
    say(`cannot write to stdout: ${messageOf(error)}`);
    process.exit(EXIT.io);
  });
}
