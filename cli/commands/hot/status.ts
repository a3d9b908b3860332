import type { HotCounter, HotCounterStatus } from '../../../lib/hot/index.ts';
import { EXIT, Exit, say } from '../../output/exit.ts';
import { jsonText, shown } from '../../text/escape.ts';
import { counted } from '../../text/quantities.ts';

/** Shows a hot count, and what could lose its sales. */
export async function showHotStatus(counter: HotCounter, json: boolean): Promise<void> {
  const status = await counter.status();
  const risks = await counter.check();
  if (json) process.stdout.write(`${jsonText({ ...status, risks }, 2)}\n`);
  else for (const line of linesOf(status)) process.stdout.write(`${shown(line)}\n`);
  for (const risk of json ? [] : risks) say(`${counter.name}: a risk: ${risk}`);
  for (const problem of json ? [] : status.problems) say(`${counter.name}: ${problem}`);
  if (status.problems.length > 0) throw new Exit(EXIT.failed);
}

function linesOf(status: HotCounterStatus): string[] {
  const { name, left, loaded, lastSequence, hot, back, written, unwritten, maxLog, writers } = status;
  const [writer] = writers;
  const owner = writer?.owners[0];
  return [
    `${name}: ${left} left of ${loaded}, ${counted(lastSequence, 'sale')}, at ${hot}`,
    back === null
      ? `${counted(unwritten, 'sale')} in the log, of at most ${maxLog}; no database was named (--back)`
      : `${counted(unwritten, 'sale')} not written back, of at most ${maxLog}`,
    ...(written ? [`the database says ${written.count} left, after sale ${written.cursor}: ${back}`] : []),
    ...(written && written.duplicates > 0
      ? [`${counted(written.duplicates, 'sale')} made no order: their ids were orders already`]
      : []),
    owner ? `pid ${owner.pid} on ${owner.host} writes back` : 'nobody writes back',
  ];
}
