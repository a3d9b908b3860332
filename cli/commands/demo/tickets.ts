import path from 'node:path';
import { fileURLToPath } from 'node:url';
import fse from 'fs-extra';
import { parseDuration } from '../../args/duration.ts';
import { UsageError } from '../../output/exit.ts';
import { hotTickets } from './hot-tickets.ts';
import type { Demo, DemoArguments } from './scene.ts';
import { PEOPLE } from './stage.ts';

// The package has it beside the bundle in dist/.
const TICKET = fileURLToPath(new URL('../../fixtures/demos/ticket.json', import.meta.url));
const TICKETS = 5;

export function tickets(args: DemoArguments): Demo {
  if (args.hot) return hotTickets(args);
  for (const option of ['hotStore', 'back'] as const)
    if (args[option] !== undefined)
      throw new UsageError(`--${option === 'back' ? 'back' : 'hot-store'} goes with --hot`);
  const { unsafe, think } = args;
  const thinkMs = String(parseDuration(think, '--think'));
  const scene = `${PEOPLE} buyers, each of them a process, see that a file has ${TICKETS} tickets left, think for ${think}, and then buy one or go without.`;
  const way = unsafe
    ? 'Without a lock, each of them goes by the number that it read before.'
    : 'A lock on the file lets one of them decide at a time, by the number that is true then.';
  return {
    about: `${scene} ${way}`,
    async run(stage, print) {
      const file = path.join(stage.directory, 'ticket.json');
      await fse.copy(TICKET, file);
      let sold = 0;
      await stage.together(
        'buyer',
        (person) => [file, person, thinkMs, ...(unsafe ? ['--unsafe'] : [])],
        (line) => {
          if (line.endsWith('bought a ticket')) sold += 1;
          print(line);
        },
      );
      const { count } = (await fse.readJson(file)) as { count: number };
      return concluded(sold, count, unsafe);
    },
  };
}

function concluded(sold: number, left: number, unsafe: boolean) {
  const over = sold > TICKETS ? `${sold - TICKETS} oversold` : 'none oversold';
  const figures = `${TICKETS} tickets, ${PEOPLE} buyers: ${sold} sold, ${PEOPLE - sold} turned away, ${over}; the file says ${left} left`;
  const isExact = sold === TICKETS && left === 0;
  return {
    text: unsafe && !isExact ? `${figures}. That is what the lock prevents.` : `${figures}.`,
    isRight: unsafe || isExact,
  };
}
