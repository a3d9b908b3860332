import { type ChildProcess, spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import fse from 'fs-extra';
import { parseDuration } from '../../args/duration.ts';
import { EXIT, Exit, UsageError } from '../../output/exit.ts';
import { shown } from '../../text/escape.ts';

export interface DemoArguments {
  demo: keyof typeof DEMOS;
  unsafe: boolean;
  think: string;
  scale: number;
  deadlockCheck: boolean;
  noDeadlockCheck: boolean;
}

// The package has them beside the bundle in dist/.
const FIXTURES = fileURLToPath(new URL('../fixtures/demos/', import.meta.url));
const TICKET = fileURLToPath(new URL('../../fixtures/demos/ticket.json', import.meta.url));
const PEOPLE = 10;

type Demo = (directory: string, args: DemoArguments) => Promise<void>;

const DEMOS = { tickets, ktv, lock, order, daemon, daemons, alive } satisfies Record<string, Demo>;

/** Runs a demo in a temporary directory. */
export async function showDemo(args: DemoArguments): Promise<void> {
  const demo = DEMOS[args.demo];
  const directory = await mkdtemp(path.join(tmpdir(), 'lockstep-demo-'));
  try {
    await demo(directory, args);
  } finally {
    await fse.remove(directory);
  }
}

async function tickets(directory: string, { unsafe, think }: DemoArguments): Promise<void> {
  const file = path.join(directory, 'ticket.json');
  const thinkMs = String(parseDuration(think, '--think'));
  await fse.copy(TICKET, file);
  const printer = linePrinter();
  await together(
    directory,
    'buyer',
    (person) => [file, person, thinkMs, ...(unsafe ? ['--unsafe'] : [])],
    printer.line,
  );
  const sold = printer.count('bought a ticket');
  const { count } = (await fse.readJson(file)) as { count: number };
  process.stdout.write(`5 tickets, ${sold} sold, ${PEOPLE - sold} went without; the file says ${count} left\n`);
  if (sold !== 5 || count !== 0) process.stdout.write(unsafe ? 'Oversold: the lock prevents this.\n' : 'Oversold!\n');
  if (!unsafe && (sold !== 5 || count !== 0)) throw new Exit(EXIT.failed);
}

async function ktv(directory: string, args: DemoArguments): Promise<void> {
  const scale = scaleOf(args);
  let inside = 0;
  let most = 0;
  await together(
    directory,
    'singer',
    (person) => [person, scale],
    (line) => {
      inside += line.endsWith('goes in') ? 1 : -1;
      most = Math.max(most, inside);
      process.stdout.write(`${line} (${inside} inside)\n`);
    },
  );
  process.stdout.write(`All ${PEOPLE} have sung; never more than ${most} at a time.\n`);
  if (most > 4 || inside !== 0) throw new Exit(EXIT.failed);
}

async function order(directory: string): Promise<void> {
  await together(directory, 'speaker', (_, number) => [String(number)], linePrinter().line);
}

async function lock(directory: string, { noDeadlockCheck }: DemoArguments): Promise<void> {
  await alone(directory, 'forgetful', noDeadlockCheck ? ['--no-deadlock-check'] : []);
}

async function daemon(directory: string, args: DemoArguments): Promise<void> {
  await alone(directory, 'daemon', [scaleOf(args)]);
}

async function daemons(directory: string, args: DemoArguments): Promise<void> {
  await alone(directory, 'daemons', [scaleOf(args)]);
}

/** The monitor is a process of its own, and shares only the store with the others. */
async function alive(directory: string, args: DemoArguments): Promise<void> {
  const store = path.join(directory, 'store');
  const monitor = spawn(process.execPath, [process.argv[1] ?? '', 'monitor', 'host', '--json', '--dir', store], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(monitor, 'close');
  const states = new EventEmitter();
  passLines(monitor, (line) => {
    const { state = '', reason = '' } = JSON.parse(line) as Record<string, string>;
    if (state === 'alive') process.stdout.write('monitor: the host is alive\n');
    if (state === 'late' || state === 'gone')
      process.stdout.write(`monitor: the host is abnormal: it is ${state} (${shown(reason)})\n`);
    states.emit(state);
  });
  try {
    // It first reports that the host is unknown. If it ends instead, the demo does not wait for that.
    await Promise.race([once(states, 'unknown'), ended]);
    const gone = once(states, 'gone');
    await alone(directory, 'alive', [scaleOf(args)]);
    await Promise.race([gone, ended]);
  } finally {
    monitor.kill();
    await ended;
  }
}

function scaleOf({ scale }: DemoArguments): string {
  if (scale >= 0) return String(scale);
  throw new UsageError(`--scale takes a number from 0 up, not ${scale}`);
}

/** Runs one program without an IPC channel: a process that may still get a message is not certainly deadlocked. */
async function alone(directory: string, program: string, args: string[]): Promise<void> {
  const child = start(directory, program, args, false);
  const [code] = (await once(child, 'exit')) as [number | null];
  if (code !== 0) throw new Exit(code ?? EXIT.failed);
}

/** Starts ten processes, releases them at the same moment, and passes on each line that they print. */
async function together(
  directory: string,
  program: string,
  argsOf: (person: string, number: number) => string[],
  onLine: (line: string) => void,
): Promise<void> {
  const children = Array.from({ length: PEOPLE }, (_, number) =>
    start(directory, program, argsOf(`person${number}`, number), true),
  );
  const ended = children.map((child) => once(child, 'close') as Promise<[number | null]>);
  for (const child of children) passLines(child, onLine);
  // A child may die before it is ready.
  await Promise.all(children.map((child, number) => Promise.race([once(child, 'message'), ended[number]])));
  for (const child of children) if (child.connected) child.send('go');
  const codes = await Promise.all(ended);
  if (codes.some(([code]) => code !== 0)) throw new Exit(EXIT.failed);
}

function start(directory: string, program: string, args: string[], channel: boolean): ChildProcess {
  return spawn(process.execPath, [path.join(FIXTURES, `${program}.js`), ...args], {
    env: { ...process.env, LOCKSTEP_DIR: path.join(directory, 'store') },
    stdio: channel ? ['ignore', 'pipe', 'inherit', 'ipc'] : ['ignore', 'inherit', 'inherit'],
  });
}

function passLines(child: ChildProcess, onLine: (line: string) => void): void {
  let rest = '';
  child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) onLine(line);
  });
}

function linePrinter(): { line: (line: string) => void; count: (ending: string) => number } {
  const lines: string[] = [];
  return {
    line: (line) => {
      lines.push(line);
      process.stdout.write(`${line}\n`);
    },
    count: (ending) => lines.filter((line) => line.endsWith(ending)).length,
  };
}
