import { EventEmitter, once } from 'node:events';
import { shown } from '../../text/escape.ts';
import { counted } from '../../text/quantities.ts';
import { scaleOf } from './scale.ts';
import type { Demo, DemoArguments } from './scene.ts';
import { passLines } from './stage.ts';

const LATEST_MS = 1_000;

/** When a line was printed, in ms; NaN: it was not. */
function clockOf(print: (line: string) => void): { print: (line: string) => void; at: (line: string) => number } {
  const times = new Map<string, number>();
  return {
    print: (line) => {
      times.set(line, performance.now());
      print(line);
    },
    at: (line) => times.get(line) ?? Number.NaN,
  };
}

/** `1.0 s` */
function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}

/** How often something came before a moment, and after it. */
class Lateness {
  early = 0;
  late = 0;
  /** Whether none came more than a second later: by then a daemon has ended. */
  isInTime = true;

  /** @param moment in ms; NaN: it has not come yet */
  add(moment: number): void {
    if (Number.isNaN(moment)) this.early += 1;
    else {
      this.late += 1;
      if (performance.now() - moment > LATEST_MS) this.isInTime = false;
    }
  }
}

export function daemon(args: DemoArguments): Demo {
  const scale = scaleOf(args);
  return {
    about:
      'Main starts a daemon that needs a second longer than main itself. A daemon ends with its main, so it never prints that it is done.',
    async run(stage, print) {
      const clock = clockOf(print);
      await stage.alone('daemon', [scale], clock.print);
      const tookMs = clock.at('main ends') - clock.at('the daemon starts');
      const workMs = 2_000 * Number(scale);
      const isEnded = Number.isNaN(clock.at('the daemon ends'));
      // With a small scale the work may be done before main's end.
      const wasDone = !isEnded && tookMs >= workMs;
      const end = isEnded ? 'was ended with it' : wasDone ? 'was done before' : 'was not ended with it';
      return {
        text: `Main ended after ${seconds(tookMs)}; the daemon, whose work takes ${seconds(workMs)}, ${end}.`,
        isRight: (isEnded || wasDone) && tookMs >= 0,
      };
    },
  };
}

export function daemons(args: DemoArguments): Demo {
  const scale = scaleOf(args);
  return {
    about:
      'Main starts a daemon that would print stars for ever, and an ordinary child that works for three seconds; then main’s own code ends. The daemon ends with that code, the ordinary child may finish its work, and main waits for it.',
    async run(stage, print) {
      const clock = clockOf(print);
      const stars = new Lateness();
      await stage.alone('daemons', [scale], (line) => {
        if (/^\*+$/.test(line)) stars.add(clock.at('main’s code ends'));
        clock.print(line);
      });
      const workedMs = clock.at('the ordinary child is done') - clock.at('the ordinary child works');
      const waitedMs = clock.at('main exits') - clock.at('main’s code ends');
      const isRight = workedMs >= 0 && waitedMs >= 0 && stars.isInTime;
      const text = `After main’s code had ended, the daemon printed ${counted(stars.late, 'row')} of stars; the ordinary child worked for ${seconds(workedMs)}, to its end, and main exited after ${seconds(waitedMs)}.`;
      return { text, isRight };
    },
  };
}

/** The monitor is a process of its own, and shares only the store with the others. */
export function alive(args: DemoArguments): Demo {
  const scale = scaleOf(args);
  return {
    about:
      'While an ordinary child packs the log of a day, a daemon reports again and again that this host is OK. When main ends, the reports end, and a monitor, a process that shares nothing with it but files, notices.',
    async run(stage, print) {
      const clock = clockOf(print);
      const monitor = stage.spawn([process.argv[1] ?? '', 'monitor', 'host', '--json', '--dir', stage.store]);
      const ended = once(monitor, 'close');
      const states = new EventEmitter();
      let goneAt = Number.NaN;
      const reports = new Lateness();
      passLines(monitor, (line) => {
        const { state = '', reason = '' } = JSON.parse(line) as Record<string, string>;
        if (state === 'alive') clock.print('monitor: the host is alive');
        if (state === 'gone') goneAt = performance.now();
        if (state === 'late' || state === 'gone')
          clock.print(`monitor: the host is abnormal: it is ${state} (${shown(reason)})`);
        states.emit(state);
      });
      // It first reports that the host is unknown. If it ends instead, the demo does not wait for that.
      await Promise.race([once(states, 'unknown'), ended]);
      const gone = once(states, 'gone');
      await stage.alone('alive', [scale], (line) => {
        if (line === 'I am OK') reports.add(clock.at('main ends'));
        clock.print(line);
      });
      await Promise.race([gone, ended]);
      const noticedMs = goneAt - clock.at('main ends');
      const noticed = Number.isNaN(noticedMs) ? 'did not notice' : `noticed within ${seconds(Math.max(0, noticedMs))}`;
      const text = `${counted(reports.early, 'report')} while main ran, and ${reports.late} after its end, which the monitor ${noticed}.`;
      return { text, isRight: reports.early > 0 && reports.isInTime && !Number.isNaN(noticedMs) };
    },
  };
}
