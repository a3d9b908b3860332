import { scaleOf } from './scale.ts';
import type { Demo, DemoArguments } from './scene.ts';
import { PEOPLE } from './stage.ts';

const ROOM = 4;
/** For the three to eight seconds of a song. */
const HURRY = 0.3;

export function order(): Demo {
  return {
    about: `${PEOPLE} processes start at once. Each needs the lock to speak, so they speak one after the other, in the order in which they came.`,
    async run(stage, print) {
      const said: string[] = [];
      await stage.together(
        'speaker',
        (_, number) => [String(number)],
        (line) => {
          said.push(line);
          print(line);
        },
      );
      const speakers = said.flatMap((line) => /^(\d+) has the word$/.exec(line)?.[1] ?? []);
      const expected = speakers.flatMap((number) => [`${number} has the word`, `${number} is done`]);
      const overlaps = said.filter((line, at) => line !== expected[at]).length;
      const together = overlaps === 0 ? 'no two at the same time' : 'some of them at the same time';
      return {
        text: `${PEOPLE} processes, one lock: ${speakers.length} have spoken, ${together}.`,
        isRight: overlaps === 0 && new Set(speakers).size === PEOPLE,
      };
    },
  };
}

export function ktv(args: DemoArguments): Demo {
  const scale = scaleOf(args, HURRY);
  return {
    about: `${PEOPLE} guests, each of them a process, come to a karaoke room for ${ROOM}: a semaphore with ${ROOM} permits. When one comes out, the next in line goes in.`,
    async run(stage, print) {
      let [inside, most, sung] = [0, 0, 0];
      await stage.together(
        'singer',
        (person) => [person, scale],
        (line) => {
          const goesIn = line.endsWith('goes in');
          inside += goesIn ? 1 : -1;
          sung += goesIn ? 0 : 1;
          most = Math.max(most, inside);
          print(`${line} (${inside} inside)`);
        },
      );
      return {
        text: `${PEOPLE} guests, a room for ${ROOM}: ${sung} have sung, never more than ${most} at a time.`,
        isRight: most <= ROOM && inside === 0 && sung === PEOPLE,
      };
    },
  };
}

export function lock({ noDeadlockCheck }: DemoArguments): Demo {
  const turn = noDeadlockCheck
    ? 'Detection is off here: it hangs until you press Ctrl-C.'
    : 'Lockstep detects the deadlock, and refuses the wait.';
  return {
    about: `A program acquires and releases a lock two times, then acquires it and forgets the release: its next acquire would wait for itself, for ever. ${turn}`,
    async run(stage, print) {
      let [granted, forgottenAt, refusedAfterMs] = [0, 0, -1];
      await stage.alone('forgetful', noDeadlockCheck ? ['--no-deadlock-check'] : [], (line) => {
        if (/: acquired/.test(line)) granted += 1;
        if (line.includes('forgotten')) forgottenAt = performance.now();
        if (line.includes('a deadlock')) refusedAfterMs = performance.now() - forgottenAt;
        print(line);
      });
      const isRight = granted === 3 && refusedAfterMs >= 0;
      const last = refusedAfterMs >= 0 ? `refused within ${Math.ceil(refusedAfterMs)} ms` : 'not refused';
      return { text: `4 acquires: ${granted} granted; the last one, which could never be, was ${last}.`, isRight };
    },
  };
}
